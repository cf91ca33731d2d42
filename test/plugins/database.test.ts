import { chmodSync, existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import t from 'tap'
import { InUse, migrations, openDatabase } from '../../plugins/database/open.ts'
import { DatabaseWriter } from '../../plugins/database/writer.ts'
import { CHAT_KEY, post, startGateway, startProvider, until, type Teardown } from '../helper.ts'
import { start } from '../process.ts'

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

t.test('a full disk loses nothing that fits into memory, and is reported once', async (t) => {
  const opened = openDatabase(folder(t))
  t.teardown(() => opened.close())
  const faults: number[] = []
  const writer = new DatabaseWriter(opened.db, { onFault: (_error, waiting) => faults.push(waiting), delay: 1, retry: 5, limit: 900 })
  const pages = Number(opened.db.prepare('PRAGMA page_count').get()?.['page_count'])
  opened.db.exec(`PRAGMA max_page_count = ${pages}`)
  for (let i = 0; i < 1000; i++) writer.write(INSERT, ['p', `id${i}`, 'k'.repeat(100)])
  t.notOk(writer.flush())
  t.notOk(writer.flush())
  t.same(faults, [900], 'the oldest hundred gave way')
  t.equal(writer.get(COUNT)?.['n'], 0)
  opened.db.exec('PRAGMA max_page_count = 100000')
  await until(() => writer.get(COUNT)?.['n'] === 900)
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

t.test('kill -9 frees the folder and loses no more than the last moment; a second process does without', async (t) => {
  const provider = await startProvider(t, (_request, response) => response.writeHead(200, { 'content-type': 'application/json' }).end('{"id":"conv_1","object":"conversation"}'))
  const dir = folder(t)
  const headers = { authorization: `Bearer ${CHAT_KEY}` }
  const first = await start(t, provider.url, { DATA_DIR: dir })
  t.equal((await fetch(`${first.url}/v1/conversations`, { method: 'POST', headers })).status, 200)

  const second = await start(t, provider.url, { DATA_DIR: dir })
  await until(() => /"level":40.*is in use by another gateway/.test(second.output()))
  const refused = await fetch(`${second.url}/v1/conversations/conv_1`, { headers })
  t.equal(refused.status, 503)
  t.match(await refused.json(), { error: { code: 'storage_unavailable' } })
  const asked = (content: unknown): Promise<Response> => post(`${second.url}/v1/chat/completions`, { model: 'm', messages: [{ role: 'user', content }] })
  t.equal((await asked([{ type: 'file', file: { file_id: 'file-1' } }])).status, 503, 'it may be another key\'s, which only the first process knows')
  t.equal((await asked('file-1 by name is no file')).status, 200)

  await new Promise((resolve) => setTimeout(resolve, 300))
  first.child.kill('SIGKILL')
  await first.ended
  const third = await start(t, provider.url, { DATA_DIR: dir })
  t.equal((await fetch(`${third.url}/v1/conversations/conv_1`, { headers })).status, 200)
})

t.test('without DATA_DIR it is data in the working folder', async (t) => {
  const running = await start(t, 'http://127.0.0.1:9')
  t.ok(existsSync(join(running.folder, 'data', 'gateway.db')))
})

t.test('a folder that cannot be written: it starts, and says so once', { skip: process.getuid?.() === 0 && 'root may write anywhere' }, async (t) => {
  const dir = folder(t)
  chmodSync(dir, 0o500)
  const running = await start(t, 'http://127.0.0.1:9', { DATA_DIR: join(dir, 'data') })
  t.equal(running.output().split('DATA_DIR').length, 2)
})
