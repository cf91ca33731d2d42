import { spawnSync } from 'node:child_process'
import { chmodSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { setTimeout as wait } from 'node:timers/promises'
import t from 'tap'
import { until } from '../../helper.ts'
import { run, type Surroundings } from '../../process.ts'
import { dialects, keysFile, send, startSpeaker } from '../speak.ts'

t.setTimeout(180_000)

const project = fileURLToPath(new URL('../../..', import.meta.url)).replace(/\/$/, '')
const asRoot = process.getuid?.() === 0
const unshare = ['unshare', ...asRoot ? ['-mpf'] : ['-rmpf'], '--mount-proc', '--kill-child']
const without = spawnSync(unshare[0]!, [...unshare.slice(1), 'true']).status !== 0 && 'needs namespaces of its own, which this user may not make here'

/** As a container has it, as far as the kernel gives that without an engine: first process, root read-only, no root, no capability. */
const surroundings: Surroundings = {
  within: unshare,
  first: [
    'set -e', 'mount -t tmpfs tmpfs /mnt', 'cp "$KEYS_FILE" /mnt/keys.json', 'export KEYS_FILE=/mnt/keys.json', 'mkdir /mnt/app',
    ...asRoot ? ['chown -R 1000:1000 /mnt', 'set -- setpriv --reuid=1000 --regid=1000 --clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all "$@"'] : [],
    // The project may lie where only root comes by.
    `mount --bind '${project}' /mnt/app`, 'for arg do', 'shift', `case "$arg" in '${project}'/*) arg="/mnt/app\${arg#'${project}'}" ;; esac`, 'set -- "$@" "$arg"', 'done',
    'cd /mnt', 'mount -o remount,bind,ro /'
  ].join('\n')
}

t.test('first process of its namespace, read-only root, no root, a quarter of a CPU: it starts, serves and drains, and signals reach it (R8)', { skip: without }, async (t) => {
  const provider = await startSpeaker(t)
  const gateway = run(t, { OPENAI_BASE_URL: `${provider.url}/v1`, ANTHROPIC_BASE_URL: provider.url, DATA_DIR: '/mnt/data', LOG_DIR: '/mnt/logs' }, keysFile(), surroundings)
  chmodSync(gateway.folder, 0o755)
  let pid = 0
  await until(() => {
    pid = Number(readFileSync(`/proc/${gateway.child.pid}/task/${gateway.child.pid}/children`, 'utf8'))
    return pid > 0 && /server\.ts/.test(readFileSync(`/proc/${pid}/cmdline`, 'utf8')) && /node/.test(readFileSync(`/proc/${pid}/comm`, 'utf8') + readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')[0])
  })
  // What a quota on CPU does: it runs for a part of each tenth of a second, and stands still for the rest.
  const over = new AbortController()
  const quota = (async () => {
    while (!over.signal.aborted) {
      process.kill(pid, 'SIGSTOP')
      await wait(75)
      process.kill(pid, 'SIGCONT')
      await wait(25)
    }
  // It has ended.
  })().catch(() => {})
  t.teardown(async () => {
    over.abort()
    await quota
  })
  const listening = (): string | undefined => /listening at (http:[^"]+)/.exec(gateway.output())?.[1]
  for (let i = 0; i < 900 && listening() === undefined && gateway.child.exitCode === null; i++) await wait(100)
  const url = listening()
  if (url === undefined) throw new Error(gateway.output())
  t.match(gateway.output(), '"pid":1,')
  if (asRoot) t.match(readFileSync(`/proc/${pid}/status`, 'utf8'), /^Uid:\t1000\t/m)
  for (const spoken of dialects) {
    const reply = await send(url, spoken)
    t.same([reply.status, await reply.text()], [200, spoken.whole])
  }
  const streams = await Promise.all(dialects.map(async (spoken) => await send(url, spoken, { model: 'talks', stream: true })))
  t.equal(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8'), '', 'it starts no processes that it would have to reap')
  process.kill(pid, 'SIGTERM')
  for (let i = 0; i < 300 && !gateway.output().includes('stopping on SIGTERM'); i++) await wait(100)
  provider.done()
  for (const [i, { first, more, last, name }] of dialects.entries()) {
    const text = (await streams[i]!.text()).replaceAll(': still there\n\n', '')
    t.ok(text.startsWith(first + more + last), name)
  }
  t.equal(await gateway.ended, 0)
  t.notMatch(gateway.output(), /LOG_DIR|DATA_DIR/)
})
