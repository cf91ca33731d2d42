import { spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import t, { type Test as Tap } from 'tap'
import { until } from '../../helper.ts'
import { start, type Surroundings } from '../../process.ts'
import { dialects, keysFile, send, startSpeaker } from '../speak.ts'

// Processes start in their own time where the machine is busy.
t.setTimeout(120_000)

const ADMIN_KEY = 'admin-key-0123456789'
const namespaces = spawnSync('unshare', ['-rm', 'true']).status === 0

async function unwritable (t: Tap, dir: string, surroundings?: Surroundings): Promise<void> {
  const provider = await startSpeaker(t)
  const gateway = await start(t, provider.url, { ADMIN_KEY, LOG_DIR: dir }, keysFile(), surroundings)
  await until(() => /LOG_DIR.*cannot be written/.test(gateway.output()))
  for (let i = 0; i < 3; i++) {
    for (const spoken of dialects) {
      const reply = await send(gateway.url, spoken)
      t.same([reply.status, await reply.text()], [200, spoken.whole])
    }
    await wait(600)
  }
  const said = gateway.output().split('\n').filter((line) => /LOG_DIR/.test(line))
  t.equal(said.filter((line) => line.startsWith('llm-gateway: LOG_DIR')).length, 1, 'once on standard error')
  t.equal(said.filter((line) => /"level":40/.test(line)).length, 1, 'once in the log')
  t.equal(said.length, 2)
  const metrics = await (await fetch(`${gateway.url}/metrics`, { headers: { authorization: `Bearer ${ADMIN_KEY}` } })).text()
  t.match(metrics, 'llm_gateway_dependency_up{dependency="logs"} 0')
  gateway.child.kill('SIGTERM')
  t.equal(await gateway.ended, 0)
  t.equal(gateway.output().match(/^llm-gateway: LOG_DIR/gm)?.length, 1, 'nor at the end')
  t.notOk(statSync(join(dir, 'x', '..'), { throwIfNoEntry: false })?.isDirectory() === true && readdirSync(dir).length > 0)
}

t.test('a log folder that is missing is made, for its owner alone (S8)', async (t) => {
  const provider = await startSpeaker(t)
  const gateway = await start(t, provider.url, { LOG_DIR: 'a/b/logs' }, keysFile())
  for (const spoken of dialects) await (await send(gateway.url, spoken)).text()
  const dir = join(gateway.folder, 'a/b/logs')
  await until(() => readdirSync(dir).some((name) => readFileSync(join(dir, name), 'utf8').trimEnd().split('\n').length === 3))
  for (const name of readdirSync(dir)) t.equal(statSync(join(dir, name)).mode & 0o777, 0o600)
  t.notMatch(gateway.output(), /LOG_DIR/)
})

t.test('a log folder that cannot be: it starts, serves, captures nothing, and says so once (S8)', async (t) => {
  await unwritable(t, '/dev/null/logs')
})

t.test('a log folder on a read-only file system: the same (S8)', { skip: !namespaces && 'needs namespaces; /dev/null/logs is tried everywhere' }, async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'llm-gateway-read-only-'))
  t.teardown(() => rmSync(dir, { recursive: true, force: true }))
  await unwritable(t, dir, { within: ['unshare', '-rm'], first: `mount -t tmpfs -o ro tmpfs ${dir}` })
})

t.test('a log folder that this user may not write: the same (S8)', { skip: process.getuid?.() === 0 && 'root may write everywhere; /dev/null/logs is tried everywhere' }, async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'llm-gateway-read-only-'))
  t.teardown(() => rmSync(dir, { recursive: true, force: true }))
  chmodSync(dir, 0o500)
  await unwritable(t, dir)
})
