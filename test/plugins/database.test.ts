import { existsSync, fstatSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import t from 'tap'
import { migrations } from '../../plugins/database/migrations.ts'
import { InUse, openDatabase } from '../../plugins/database/open.ts'
import { Database } from '../../plugins/database/database.ts'
import { WriteAheadLog } from '../../plugins/database/write-ahead-log.ts'
import { DatabaseWriter } from '../../plugins/database/writer.ts'
import { CHAT_KEY, post, startGateway, startProvider, until, type Teardown } from '../helper.ts'
import { run, start } from '../process.ts'

// Processes start in their own time where the machine is busy.
t.setTimeout(120_000)

function folder (t: Teardown): string {
  const dir = mkdtempSync(join(tmpdir(), 'llm-gateway-database-'))
  t.teardown(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}

const INSERT = 'INSERT OR IGNORE INTO stored (provider, id, key, made_at) VALUES (?, ?, ?, 0)'
const COUNT = 'SELECT count(*) AS n FROM stored'

t.test('a folder is made, for its owner alone, and belongs to one at a time', async (t) => {
  const dir = join(folder(t), 'a', 'b')
  const opened = openDatabase(dir)
  t.equal(statSync(dir).mode & 0o777, 0o700)
  opened.db.exec("INSERT INTO stored VALUES ('p', 'i', 'k', NULL, 0)")
  for (const file of ['gateway.db', 'gateway.db-wal', 'gateway.lock']) t.equal(statSync(join(dir, file)).mode & 0o777, 0o600, file)
  t.equal(opened.db.prepare('PRAGMA journal_mode').get()?.['journal_mode'], 'wal')
  t.throws(() => openDatabase(dir), InUse)
  opened.close()
  const again = openDatabase(dir)
  t.same({ ...again.db.prepare('SELECT * FROM stored').get() }, { provider: 'p', id: 'i', key: 'k', requests: null, made_at: 0 })
  t.equal(again.db.prepare('PRAGMA user_version').get()?.['user_version'], migrations.length)
  again.close()
})

t.test('one that a newer gateway wrote, or that is none, is left alone', async (t) => {
  const dir = folder(t)
  const db = new DatabaseSync(join(dir, 'gateway.db'))
  db.exec('PRAGMA user_version = 99')
  db.close()
  t.throws(() => openDatabase(dir), /newer gateway/)
  writeFileSync(join(dir, 'gateway.db'), 'this is no database, and never was one'.repeat(100))
  t.throws(() => openDatabase(dir))
  rmSync(join(dir, 'gateway.db'))
  openDatabase(dir).close()
})

t.test('writes go out in groups', async (t) => {
  const opened = openDatabase(folder(t))
  t.teardown(() => opened.close())
  const writer = new DatabaseWriter(opened.db, { onFault: (error) => t.fail(String(error)), delay: 20 })
  let written = 0
  for (let i = 0; i < 1000; i++) writer.write(INSERT, ['p', `id${i}`, 'k'], () => { written++ })
  t.equal(writer.get(COUNT)?.['n'], 0, 'not yet')
  await until(() => written === 1000)
  t.equal(writer.get(COUNT)?.['n'], 1000)
  t.ok(writer.flush(), 'nothing waits')
})

t.test('a group takes all that belongs into it, however much that is', async (t) => {
  const opened = openDatabase(folder(t))
  t.teardown(() => opened.close())
  const writer = new DatabaseWriter(opened.db, { onFault: (error) => t.fail(String(error)), limit: 200_000 })
  const sums = Array.from({ length: 150_000 }, (_, i) => ({ sql: INSERT, values: ['p', `sum${i}`, 'k'] }))
  writer.contribute(() => sums.splice(0))
  writer.write(INSERT, ['p', 'id', 'k'])
  t.ok(writer.flush())
  t.equal(writer.get(COUNT)?.['n'], 150_001)
})

t.test('a full disk loses nothing that fits into memory, and is reported once (S7)', async (t) => {
  const opened = openDatabase(folder(t))
  t.teardown(() => opened.close())
  const faults: number[] = []
  const writer = new DatabaseWriter(opened.db, { onFault: (_error, waiting, lost) => faults.push(waiting, lost), delay: 1, retry: 5, limit: 900 })
  const pages = Number(opened.db.prepare('PRAGMA page_count').get()?.['page_count'])
  opened.db.exec(`PRAGMA max_page_count = ${pages}`)
  for (let i = 0; i < 1000; i++) writer.write(INSERT, ['p', `id${i}`, 'k'.repeat(100)])
  t.notOk(writer.flush())
  t.notOk(writer.flush())
  t.same(faults, [900, 100], 'the oldest hundred gave way')
  t.equal(writer.get(COUNT)?.['n'], 0)
  opened.db.exec('PRAGMA max_page_count = 100000')
  await until(() => writer.get(COUNT)?.['n'] === 900)
})

t.test('a disk that takes now one write and not the next is told of once, and so is its recovery (S7)', async (t) => {
  const opened = openDatabase(folder(t))
  t.teardown(() => opened.close())
  const told: string[] = []
  const writer = new DatabaseWriter(opened.db, { onFault: () => told.push('full'), onRecovery: () => told.push('well') })
  for (let i = 0; i < 5; i++) {
    opened.db.exec('PRAGMA max_page_count = 1')
    writer.write(INSERT, ['p', `id${i}`, 'k'.repeat(10_000)])
    t.notOk(writer.flush())
    opened.db.exec('PRAGMA max_page_count = 100000')
    t.ok(writer.flush())
  }
  t.same(told, ['full', 'well'])
})

t.test('what was kept outlives the gateway', async (t) => {
  const provider = await startProvider(t, (_request, response) => response.writeHead(200, { 'content-type': 'application/json' }).end('{"id":"conv_1","object":"conversation"}'))
  const dir = folder(t)
  const first = await startGateway(t, provider.url, { env: { DATA_DIR: dir } })
  const headers = { authorization: `Bearer ${CHAT_KEY}` }
  t.equal((await fetch(`${first.url}/v1/conversations`, { method: 'POST', headers })).status, 200)
  t.equal((await fetch(`${first.url}/v1/conversations/conv_1`, { headers })).status, 200, 'before it is written')
  await first.app.close()
  const second = await startGateway(t, provider.url, { env: { DATA_DIR: dir } })
  t.equal((await fetch(`${second.url}/v1/conversations/conv_1`, { headers })).status, 200)
})

t.test('a second process ends with a reason; kill -9 frees the folder', async (t) => {
  const provider = await startProvider(t, (_request, response) => response.writeHead(200, { 'content-type': 'application/json' }).end('{"id":"conv_1","object":"conversation"}'))
  const dir = folder(t)
  const headers = { authorization: `Bearer ${CHAT_KEY}` }
  const first = await start(t, provider.url, { DATA_DIR: dir })
  t.equal((await fetch(`${first.url}/v1/conversations`, { method: 'POST', headers })).status, 200)

  const second = run(t, { OPENAI_BASE_URL: provider.url, DATA_DIR: dir })
  t.equal(await second.ended, 1)
  t.match(second.output(), /^llm-gateway: DATA_DIR ".*" is in use by another gateway(?: \(process \d+\))?: an older one that still runs\? Stop that one first\. Two .* need a DATA_DIR each/m)
  // Elsewhere, and on some file systems, it is not known; it is never another.
  const [, named = String(first.child.pid)] = /by another gateway \(process (\d+)\)/.exec(second.output()) ?? []
  t.equal(named, String(first.child.pid))

  await new Promise((resolve) => setTimeout(resolve, 300))
  first.child.kill('SIGKILL')
  await first.ended
  const third = await start(t, provider.url, { DATA_DIR: dir })
  t.equal((await fetch(`${third.url}/v1/conversations/conv_1`, { headers })).status, 200)
})

t.test('a second gateway in the same process is refused, and frees the folder for no other process', async (t) => {
  const provider = await startProvider(t, () => {})
  const dir = folder(t)
  await startGateway(t, provider.url, { env: { DATA_DIR: dir } })
  await t.rejects(startGateway(t, provider.url, { env: { DATA_DIR: dir } }), { message: /^DATA_DIR ".*" is in use by another gateway/ })
  const other = run(t, { OPENAI_BASE_URL: provider.url, DATA_DIR: dir })
  await until(() => other.child.exitCode !== null || other.output().includes('listening at'))
  t.match(other.output(), /^llm-gateway: DATA_DIR ".*" is in use by another gateway/m)
})

t.test('a lock that cannot be written locks nothing, and is a reason not to use the folder', { skip: process.getuid?.() === 0 }, async (t) => {
  const dir = folder(t)
  writeFileSync(join(dir, 'gateway.lock'), '', { mode: 0o400 })
  t.throws(() => openDatabase(dir), { code: 'EACCES' })
})

t.test('without DATA_DIR it is data in the working folder', async (t) => {
  const running = await start(t, 'http://127.0.0.1:9')
  t.ok(existsSync(join(running.folder, 'data', 'gateway.db')))
})

t.test('a folder that cannot be used', async (t) => {
  const provider = await startProvider(t, (_request, response) => response.writeHead(200, { 'content-type': 'application/json' }).end('{"id":"c1","object":"chat.completion","created":1,"model":"m","choices":[]}'))
  const file = join(folder(t), 'file')
  writeFileSync(file, '')
  const env = { DATA_DIR: join(file, 'data') }
  const serving = await start(t, provider.url, env)
  t.equal(serving.output().split('cannot use DATA_DIR').length, 2, 'said once')
  const headers = { authorization: `Bearer ${CHAT_KEY}` }
  const refused = await fetch(`${serving.url}/v1/conversations/conv_1`, { headers })
  t.equal(refused.status, 503)
  t.match(await refused.json(), { error: { code: 'storage_unavailable' } })
  const asked = (content: unknown): Promise<Response> => post(`${serving.url}/v1/chat/completions`, { model: 'm', messages: [{ role: 'user', content }] })
  t.equal((await asked([{ type: 'file', file: { file_id: 'file-1' } }])).status, 503, 'it may be another key\'s')
  t.equal((await asked('file-1 by name is no file')).status, 200)

  const refusing = run(t, { OPENAI_BASE_URL: provider.url, ...env, LEDGER_ON_ERROR: 'refuse' })
  t.equal(await refusing.ended, 1)
  t.match(refusing.output(), /^llm-gateway: cannot use DATA_DIR .*LEDGER_ON_ERROR=serve/m)
})

t.test('a folder in which none can be made, and that says so as if it were missing, is one that cannot be used', { skip: !existsSync('/proc/self') }, async (t) => {
  const provider = await startProvider(t, (_request, response) => response.writeHead(200, { 'content-type': 'application/json' }).end('{"id":"c1","object":"chat.completion","created":1,"model":"m","choices":[]}'))
  const env = { DATA_DIR: '/proc/x', LOG_DIR: '/proc/x' }
  const serving = await start(t, provider.url, env)
  t.match(serving.output(), /cannot use DATA_DIR/)
  await until(() => serving.output().includes('LOG_DIR cannot be written'))
  t.equal((await post(`${serving.url}/v1/chat/completions`, { model: 'm', messages: [{ role: 'user', content: 'hi' }] })).status, 200)
  const refusing = run(t, { OPENAI_BASE_URL: provider.url, ...env, LEDGER_ON_ERROR: 'refuse' })
  t.equal(await refusing.ended, 1)
  t.match(refusing.output(), /^llm-gateway: cannot use DATA_DIR "\/proc\/x": .*LEDGER_ON_ERROR=serve/m)
})

t.test('what is waited for is written at the end of the turn, all of it at once', async (t) => {
  const opened = openDatabase(folder(t))
  t.teardown(() => opened.close())
  const writer = new DatabaseWriter(opened.db, { onFault: (error) => t.fail(String(error)) })
  writer.contribute(() => [{ sql: INSERT, values: ['p', 'besides', 'k'] }])
  const done: number[] = []
  for (let i = 0; i < 100; i++) {
    writer.write(INSERT, ['p', `id${i}`, 'k'])
    writer.commit((error) => { t.equal(error, undefined); done.push(i) })
  }
  t.equal(writer.get(COUNT)?.['n'], 0, 'not yet')
  await new Promise((resolve) => setImmediate(resolve))
  t.equal(done.length, 100)
  t.equal(writer.get(COUNT)?.['n'], 101)
})

t.test('a disk that takes nothing keeps nobody waiting, and nothing that was withdrawn comes later', async (t) => {
  const opened = openDatabase(folder(t))
  t.teardown(() => opened.close())
  let recovered = 0
  const writer = new DatabaseWriter(opened.db, { onFault: () => {}, onRecovery: () => { recovered++ }, retry: 5 })
  opened.db.exec(`PRAGMA max_page_count = ${Number(opened.db.prepare('PRAGMA page_count').get()?.['page_count'])}`)
  const fill = (id: string): ReturnType<typeof writer.write> => writer.write(INSERT, ['p', id, 'k'.repeat(5000)])
  fill('kept')
  t.ok(await new Promise((resolve) => writer.commit(resolve)), 'told why')
  t.notOk(writer.healthy)
  let told: unknown
  const withdrawn = fill('withdrawn')
  writer.commit((error) => { told = error })
  t.ok(told, 'at once')
  withdrawn.withdrawn = true
  opened.db.exec('PRAGMA max_page_count = 100000')
  await until(() => writer.healthy)
  t.equal(recovered, 1)
  t.equal(writer.get(COUNT)?.['n'], 1)
})

t.test('one row that cannot be written keeps back no other', async (t) => {
  const opened = openDatabase(folder(t))
  t.teardown(() => opened.close())
  const faults: unknown[] = []
  const writer = new DatabaseWriter(opened.db, { onFault: (error) => faults.push(error) })
  writer.write(INSERT, ['p', 'a', 'k'])
  writer.write(INSERT.replace(' OR IGNORE', ''), ['p', 'a', 'k'])
  writer.write(INSERT, ['p', 'b', 'k'])
  t.ok(writer.flush())
  t.equal(writer.get(COUNT)?.['n'], 2)
  t.match(String(faults), /UNIQUE/)
})

t.test('the log of writes begins anew under load, and other reads go on meanwhile', async (t) => {
  const dir = folder(t)
  const database = new Database(openDatabase(dir), { onFault: (error) => t.fail(String(error)), checkpointAt: 4e6 })
  t.teardown(() => database.close())
  let n = 0
  const writing = setInterval(() => {
    database.write(INSERT, ['p', `id${n++}`, 'k'.repeat(10_000)])
    database.commit()
    // Five hundred a second: the thread has its turn where the machine is busy with something else.
  }, 2)
  t.teardown(() => clearInterval(writing))
  // A row is three pages and more, and so many rows many logs.
  await until(() => n > 3500)
  clearInterval(writing)
  const { size } = statSync(join(dir, 'gateway.db-wal'))
  t.ok(size > 4e6 && size < 40e6, `${size} bytes`)
  t.same((await database.read(COUNT)).map((row) => row['n']), [n])
})

t.test('to look how large the log is frees none of the locks that keep others from beginning its index anew', { skip: !existsSync('/proc/locks') }, async (t) => {
  const opened = openDatabase(folder(t))
  const database = new Database(opened, { onFault: (error) => t.fail(String(error)) })
  const index = `${opened.file}-shm`
  const locks = (): number => readFileSync('/proc/locks', 'utf8').split('\n').filter((line) => line.includes(`:${statSync(index).ino} `)).length
  t.ok(locks() > 0)
  const log = new WriteAheadLog(opened.file)
  t.ok(log.size > 0)
  t.ok(log.size > 0)
  t.ok(locks() > 0)
  await database.close()
  log.close()
})

t.test('the log is given room on the disk as it grows, and once', async (t) => {
  const opened = openDatabase(folder(t))
  const database = new Database(opened, { onFault: (error) => t.fail(String(error)) })
  const flushes: Array<{ descriptor: number, done: (error: Error | null) => void }> = []
  const log = new WriteAheadLog(opened.file, (descriptor, done) => { flushes.push({ descriptor, done }) })
  const faults: Error[] = []
  const settle = (): void => log.settle((error) => faults.push(error))
  const grow = (): void => {
    for (let i = 0; i < 100; i++) database.write(INSERT, ['p', `${log.size} ${i}`, 'k'.repeat(10_000)])
    database.flush()
    settle()
  }
  settle()
  t.equal(flushes.length, 0, 'it has hardly begun')
  grow()
  grow()
  t.equal(flushes.length, 1, 'one at a time')
  flushes[0]?.done(new Error('EIO'))
  t.match(faults, [{ message: 'EIO' }])
  settle()
  t.equal(flushes.length, 2, 'what failed is tried again')
  flushes[1]?.done(null)
  settle()
  t.equal(flushes.length, 2)
  opened.db.exec('PRAGMA wal_checkpoint(RESTART)')
  grow()
  t.equal(flushes.length, 2, 'begun anew, it has the room that it had')
  grow()
  grow()
  t.equal(flushes.length, 3)
  await database.close()
  const isOpen = (): boolean => {
    try {
      fstatSync(flushes[2]?.descriptor ?? NaN)
      return true
    } catch {
      return false
    }
  }
  log.close()
  t.ok(isOpen(), 'it is in use')
  flushes[2]?.done(new Error('EBADF'))
  t.notOk(isOpen())
  t.equal(faults.length, 1)
})

t.test('a folder that cannot be looked into for a while ends nothing, and refuses nothing', async (t) => {
  const dir = join(folder(t), 'data')
  const database = new Database(openDatabase(dir), { onFault: (error) => t.fail(String(error)) })
  renameSync(dir, `${dir}-aside`)
  symlinkSync(dir, dir)
  await new Promise((resolve) => setTimeout(resolve, 1200))
  rmSync(dir)
  renameSync(`${dir}-aside`, dir)
  database.write(INSERT, ['p', 'i', 'k'])
  t.ok(database.flush())
  t.equal(database.get(COUNT)?.['n'], 1)
  await database.close()
})

t.test('a file that is broken in part: the gateway goes on without it, or ends with one line that names the folder', async (t) => {
  const provider = await startProvider(t, (_request, response) => response.writeHead(200, { 'content-type': 'application/json' }).end('{"id":"c1","object":"chat.completion","created":1,"model":"m","choices":[]}'))
  const dir = folder(t)
  const file = join(dir, 'gateway.db')
  const first = await start(t, provider.url, { DATA_DIR: dir, MAX_REQUESTS_PER_HOUR: 'unlimited' })
  await Promise.all(Array.from({ length: 300 }, async () => (await post(`${first.url}/v1/chat/completions`, { model: 'm', messages: [] })).text()))
  first.child.kill('SIGTERM')
  await first.ended
  const whole = readFileSync(file)
  const db = new DatabaseSync(file)
  const root = (name: string): number => (Number(db.prepare('SELECT rootpage FROM sqlite_schema WHERE name = ?').get(name)?.['rootpage']) - 1) * 4096
  const requests = root('requests')
  db.close()
  const broken: Array<[number, number, string, RegExp]> = [
    [requests, 100, 'serve', /"err":.*malformed/],
    [requests, 100, 'refuse', /^llm-gateway: cannot use DATA_DIR .*malformed.*\n$/],
    // The first page of rows: only whoever reads on comes to it.
    [(whole.readUInt32BE(requests + whole.readUInt16BE(requests + 12)) - 1) * 4096, 4096, 'serve', /^llm-gateway: cannot read the ledger in DATA_DIR .*malformed; move gateway.db away.*\n$/]
  ]
  for (const [at, length, LEDGER_ON_ERROR, said] of broken) {
    writeFileSync(file, Buffer.from(whole).fill(0xa5, at, at + length))
    const running = run(t, { OPENAI_BASE_URL: `${provider.url}/v1`, DATA_DIR: dir, LEDGER_ON_ERROR })
    await until(() => said.test(running.output()) || running.child.exitCode !== null)
    t.match(running.output(), said)
    if (said.source.startsWith('^')) t.equal(await running.ended, 1)
  }
})
