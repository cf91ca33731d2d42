import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import t, { type Test as Tap } from 'tap'
import { until } from '../../helper.ts'
import { start, type Running } from '../../process.ts'
import { dialects, keysFile, send, startSpeaker } from '../speak.ts'

// Processes start in their own time where the machine is busy.
t.setTimeout(180_000)

const ADMIN_KEY = 'admin-key-0123456789'

async function metric ({ url }: Running, name: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`, { headers: { authorization: `Bearer ${ADMIN_KEY}` } })).text()
  return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1])
}

async function nothingWaits (gateway: Running): Promise<void> {
  while (await metric(gateway, 'llm_gateway_ledger_waiting_writes') > 0) await new Promise((resolve) => setTimeout(resolve, 50))
}

const count = ({ output }: Running, what: RegExp): number => output().split('\n').filter((line) => what.test(line)).length
const LEDGER = /cannot write to DATA_DIR/
const LOG = /LOG_DIR cannot be written/

/** A disk with room for `room` bytes more, and how it gets as much as it wants. */
interface Disk { gateway: Running, data: string, logs: string, empty: () => void }

/**
 * A disk that is full, in two ways: a file system of 3 MB of its own, in a namespace of the process, and, where none can be
 * had, a limit to the size of any file.
 */
const ways: Record<string, { skip: string | false, start: (t: Tap, provider: string, env: Record<string, string>) => Promise<Disk> }> = {
  'a small file system': {
    skip: spawnSync('unshare', ['-rm', 'mount', '-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', tmpdir()]).status !== 0 && 'needs namespaces; the other way runs everywhere',
    async start (t, provider, env) {
      const disk = mkdtempSync(join(tmpdir(), 'llm-gateway-disk-'))
      t.teardown(() => rmSync(disk, { recursive: true, force: true }))
      const gateway = await start(t, provider, { ...env, DATA_DIR: join(disk, 'data'), LOG_DIR: join(disk, 'logs') }, keysFile(), {
        within: ['unshare', '-rm'],
        first: `mount -t tmpfs -o size=3m tmpfs ${disk} && head -c 2000000 /dev/zero > ${disk}/ballast`
      })
      // The file system as the process sees it.
      const inside = `/proc/${gateway.child.pid}/root${disk}`
      return { gateway, data: join(inside, 'data'), logs: join(inside, 'logs'), empty: () => rmSync(join(inside, 'ballast')) }
    }
  },
  'a limit to files': {
    skip: false,
    async start (t, provider, env) {
      const gateway = await start(t, provider, env, keysFile(), { first: 'ulimit -S -f 600' })
      const empty = (): void => { t.equal(spawnSync('prlimit', ['--pid', String(gateway.child.pid), '--fsize=unlimited:unlimited']).status, 0) }
      return { gateway, data: join(gateway.folder, 'data'), logs: join(gateway.folder, 'logs'), empty }
    }
  }
}

/** Of a copy: SQLite would look for the file where this process sees it. */
function outcomes (data: string): unknown[] {
  const copy = mkdtempSync(join(tmpdir(), 'llm-gateway-copy-'))
  try {
    cpSync(data, copy, { recursive: true })
    const db = new DatabaseSync(join(copy, 'gateway.db'))
    const found = db.prepare('SELECT outcome FROM requests').all().map(({ outcome }) => outcome)
    db.close()
    return found
  } finally {
    rmSync(copy, { recursive: true, force: true })
  }
}

async function fill (t: Tap, way: (typeof ways)[string], mode: string): Promise<void> {
  const provider = await startSpeaker(t)
  const { gateway, data, logs, empty } = await way.start(t, provider.url, { ADMIN_KEY, LEDGER_ON_ERROR: mode, MAX_REQUESTS_PER_HOUR: 'unlimited' })
  let [answered, refused] = [0, 0]
  const ask = async (i: number): Promise<void> => {
    const spoken = dialects[i % 3]!
    const reply = await send(gateway.url, spoken, { stream: i % 2 === 0, metadata: { pad: 'x'.repeat(4000) } }, { 'x-request-id': `r${i}-${'y'.repeat(110)}` })
    const text = await reply.text()
    if (reply.status === 200) {
      answered++
      t.ok(i % 2 === 0 ? text.startsWith(spoken.first + spoken.more + spoken.last) : text === spoken.whole)
    } else {
      refused++
      t.equal(reply.status, 503)
      t.match(spoken.codeOf(text), /ledger_unavailable|api_error/)
    }
  }
  const isFull = async (): Promise<boolean> => await metric(gateway, 'llm_gateway_dependency_up\\{dependency="disk"\\}') === 0 && (mode === 'refuse' || await metric(gateway, 'llm_gateway_exchanges_dropped_total') > 0)
  for (let i = 0; i < 4000 && !await isFull(); i += 50) await Promise.all(Array.from({ length: 50 }, (_, j) => ask(i + j)))
  t.ok(await isFull(), 'metrics say so')
  const before = { answered, refused }
  for (let i = 0; i < 150; i++) await ask(i)
  if (mode === 'serve') t.equal(answered - before.answered, 150, 'each is answered')
  else t.ok(refused - before.refused > 100, 'refused')
  t.equal((await fetch(`${gateway.url}/health`)).status, 200)
  await until(() => count(gateway, LEDGER) > 0 && (mode === 'refuse' || count(gateway, LOG) > 0))
  t.equal(count(gateway, LEDGER), 1, 'one line a minute')
  t.ok(count(gateway, LOG) <= 1)

  empty()
  await nothingWaits(gateway)
  await until(() => count(gateway, /DATA_DIR takes writes again/) === 1)
  const dropped = async (): Promise<number> => await metric(gateway, 'llm_gateway_exchanges_dropped_total')
  const captured = (id: string): boolean => readdirSync(logs).some((name) => readFileSync(join(logs, name), 'utf8').includes(`"id":"r${id}-`))
  // A write of the log that failed is followed by the next a second later.
  for (let i = 10_000, lost = Infinity; lost > 0 && i < 10_020; i++) {
    const since = await dropped()
    await ask(i)
    await new Promise((resolve) => setTimeout(resolve, 1200))
    lost = await dropped() - since
    if (lost === 0) await until(() => captured(String(i)))
  }
  // Every five seconds the ledger notes how far back open rows can be, and nobody waits for that: a fifth of a second.
  await nothingWaits(gateway)
  t.equal(await metric(gateway, 'llm_gateway_ledger_lost_writes_total'), 0)
  const written = outcomes(data)
  t.equal(written.length, provider.requests.length, 'a row for each that went out, and for no other')
  t.same(written.filter((outcome) => outcome !== 'done'), [])
  t.equal(gateway.child.exitCode, null)
  gateway.child.kill('SIGTERM')
  t.equal(await gateway.ended, 0)
}

for (const [name, way] of Object.entries(ways)) {
  t.test(`the disk of ledger and log is full (${name}): served, and back when there is room (S7)`, { skip: way.skip }, (t) => fill(t, way, 'serve'))
  t.test(`the disk of ledger and log is full (${name}) and the ledger is a must: 503, and back when there is room (S7)`, { skip: way.skip }, (t) => fill(t, way, 'refuse'))
}
