import { execFile } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync, type SQLInputValue } from 'node:sqlite'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { migrations } from '../../../plugins/database/migrations.ts'
import { rerate } from '../../../plugins/ledger/rerate.ts'
import { usageOf } from '../../../plugins/ledger/buckets.ts'
import { Sums } from '../../../plugins/ledger/sums.ts'
import { builtinCatalogue } from '../../../plugins/prices/catalogue.ts'
import { PriceList } from '../../../plugins/prices/list.ts'
import { ratesMet } from '../../../plugins/prices/rates.ts'
import { readOverrides } from '../../../plugins/prices/overrides.ts'
import { CHAT_KEY, post, startProvider } from '../../helper.ts'
import { start } from '../../process.ts'

// Processes start in their own time where the machine is busy.
t.setTimeout(120_000)

const CLI = fileURLToPath(new URL('../../../cli.ts', import.meta.url))
const catalogue = builtinCatalogue()

function priceList (overrides?: object): PriceList {
  const prices = new PriceList(catalogue, [{ name: 'openai', prices: 'openai' }, { name: 'house' }])
  if (overrides !== undefined) prices.override(readOverrides(Buffer.from(JSON.stringify(overrides)), catalogue), 'mine.json')
  return prices
}

const INSERT = `INSERT INTO requests (id, started_at, ended_at, key, key_name, groups, provider, requested_model, sent_model, served_model, client_dialect,
  upstream_dialect, stream, requests, hold, held_tokens, outcome, usage_source, input, output, cost, price_version, price_model, rates)
  VALUES (?, ?, ?, ?, 'K', ?, ?, ?, ?, ?, 'd', 'd', 0, 1, 0, 0, ?, ?, ?, ?, ?, ?, ?, ?)`

const START = Date.UTC(2026, 9, 1)

/** A ledger of so many rows, priced as they came in; older gateways wrote down all rates of a model. */
function ledger (prices: PriceList, count: number): DatabaseSync {
  const db = new DatabaseSync(':memory:')
  for (const step of migrations) db.exec(step)
  const insert = db.prepare(INSERT)
  db.exec('BEGIN')
  for (let row = 0; row < count; row++) {
    const [provider, requested, sent, served] = [
      ['openai', 'gpt-5.4-mini', null, 'gpt-5.4-mini-2026-03-17'], ['openai', 'gpt-5.4', null, null], ['openai', 'fast', 'gpt-5.4-mini', null], ['house', 'large', null, 'large'], ['house', 'other', null, null]
    ][row % 5] as [string, string, string | null, string | null]
    const interrupted = row % 11 === 3
    const used = interrupted || row % 7 === 0 ? {} : { input: row * 13 % 5000, output: row % 300 }
    const startedAt = START + row * 60_000
    const charge = Object.keys(used).length === 0 ? undefined : prices.charge({ provider, model: sent ?? requested, servedModel: served ?? undefined, usage: used, time: startedAt + 5000 })
    insert.run(String(row).padStart(9, '0'), startedAt, interrupted ? null : startedAt + 5000, `0${row % 3}`, row % 2 === 0 ? '["team","all"]' : null, provider, requested, sent, served,
      interrupted ? 'interrupted' : 'done', 'provider', used.input ?? null, used.output ?? null, interrupted ? 777 : charge?.cost ?? null, charge?.version ?? null, charge?.model ?? null, charge === undefined ? null : row % 3 === 0 ? JSON.stringify(charge.rates) : ratesMet(charge.rates, used))
  }
  for (const { sql, values } of sumsOf(db)) db.prepare(sql).run(...values)
  db.exec('COMMIT')
  return db
}

/** The sums that the rows have as they stand. */
function sumsOf (db: DatabaseSync): Array<{ sql: string, values: SQLInputValue[] }> {
  const sums = new Sums()
  for (const row of db.prepare('SELECT * FROM requests').all()) {
    sums.add({
      startedAt: Number(row['started_at']),
      key: String(row['key']),
      keyName: String(row['key_name']),
      groups: row['groups'] === null ? [] : JSON.parse(String(row['groups'])) as string[],
      provider: String(row['provider']),
      model: String(row['served_model'] ?? row['requested_model']),
      requests: Number(row['requests']),
      usage: usageOf(row),
      heldTokens: 0,
      cost: row['cost'] === null ? undefined : Number(row['cost'])
    })
  }
  return sums.take()
}

/** What is in the table `sums`, and what should be. */
function both (db: DatabaseSync): [found: unknown, expected: unknown] {
  const SORTED = 'SELECT * FROM sums ORDER BY owner, slot, provider, model'
  const other = new DatabaseSync(':memory:')
  for (const step of migrations) other.exec(step)
  for (const { sql, values } of sumsOf(db)) other.prepare(sql).run(...values)
  return [db.prepare(SORTED).all().map((row) => ({ ...row })), other.prepare(SORTED).all().map((row) => ({ ...row }))]
}

const rowsOf = (db: DatabaseSync): unknown[] => db.prepare('SELECT * FROM requests ORDER BY seq').all().map((row) => ({ ...row }))
const ALL = { since: 0, until: Number.MAX_SAFE_INTEGER, dryRun: false }

t.test('rows are reckoned again, and the sums follow by the difference', async (t) => {
  const db = ledger(priceList(), 2500)
  t.strictSame(...both(db))
  const old = rowsOf(db)
  const unpriced = Number(db.prepare('SELECT count(*) AS n FROM requests WHERE input IS NOT NULL AND cost IS NULL').get()?.['n'])
  t.match(rerate(db, priceList(), ALL), { changed: 0, unknown: unpriced }, 'with the same prices nothing changes')
  t.strictSame(rowsOf(db), old)

  const mine = { providers: { openai: { models: [{ id: 'gpt-5.4-mini', prices: [{ input: 1, output: 2 }, { input: 10, output: 20, from: '2026-10-02' }] }] }, house: { models: [{ id: 'large', prices: [{ input: 3, output: 4 }] }] } } }
  const dry = rerate(db, priceList(mine), { ...ALL, dryRun: true })
  t.strictSame(rowsOf(db), old, 'a dry run changes nothing')
  t.strictSame(...both(db))
  const done = rerate(db, priceList(mine), ALL)
  t.strictSame(done, dry, 'and tells what would be')
  t.strictSame(...both(db))
  t.ok(done.changed > 1000)
  t.ok(done.priced > 350)
  t.equal(done.after - done.before, (rowsOf(db) as Array<{ cost: number | null }>).reduce((sum, { cost }) => sum + (cost ?? 0), 0) - (old as Array<{ cost: number | null }>).reduce((sum, { cost }) => sum + (cost ?? 0), 0))
  t.match(rerate(db, priceList(mine), ALL), { changed: 0, before: done.after, after: done.after }, 'once and for all')

  const [served, , alias, house, unknown] = [10, 11, 12, 13, 19].map((row) => db.prepare('SELECT * FROM requests WHERE seq = ?').get(row + 1))
  t.match(served, { price_version: /\+[0-9a-f]{8}$/, price_model: 'gpt-5.4-mini', cost: 130 * 1000 + 10 * 2000 })
  t.match(alias, { cost: 156 * 1000 + 12 * 2000 }, 'a name of the operator\'s own is what it stood for')
  t.match(house, { cost: 169 * 3000 + 13 * 4000 })
  t.match(unknown, { cost: null, price_version: null })
  const later = db.prepare("SELECT input, output, cost FROM requests WHERE ended_at >= ? AND provider = 'openai' AND price_model = 'gpt-5.4-mini' LIMIT 1").get(Date.UTC(2026, 9, 2))
  t.equal(later?.['cost'], Number(later?.['input']) * 10_000 + Number(later?.['output']) * 20_000, 'by the time of its end')
  t.match(db.prepare("SELECT count(*) AS n FROM requests WHERE outcome = 'interrupted' AND cost = 777").get(), { n: db.prepare("SELECT count(*) AS n FROM requests WHERE outcome = 'interrupted'").get()?.['n'] }, 'what was charged at its hold stays so')

  const back = rerate(db, priceList(), ALL)
  t.ok(back.unknown === unpriced, 'a price that is gone takes nothing away')
  t.strictSame(...both(db))
})

t.test('only what is asked for', async (t) => {
  const db = ledger(priceList(), 200)
  const old = rowsOf(db)
  const double = { providers: { openai: { models: [{ id: 'all', match: ['*'], prices: [{ input: 1000, output: 1000 }] }] } } }
  const found = rerate(db, priceList(double), { since: START + 50 * 60_000, until: START + 100 * 60_000, dryRun: false })
  const changed = rowsOf(db).flatMap((row, index) => JSON.stringify(row) === JSON.stringify(old[index]) ? [] : [index])
  t.equal(changed.length, found.changed)
  t.ok(changed.every((row) => row >= 50 && row < 100))
  t.strictSame(...both(db))
})

function runRerate (folder: string, args: string[], env: Record<string, string> = {}): Promise<{ code: number, output: string, errors: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [CLI, 'rerate', ...args], { cwd: folder, env: { PATH: process.env['PATH'], ...env } }, (error, output, errors) => {
      resolve({ code: error === null ? 0 : Number(error.code), output, errors })
    })
  })
}

t.test('the command: not beside a gateway, and after it', async (t) => {
  const provider = await startProvider(t, (_request, response) => {
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ id: 'c1', object: 'chat.completion', model: 'gpt-5.4-mini', choices: [{ index: 0, message: { role: 'assistant', content: 'a' }, finish_reason: 'stop' }], usage: { prompt_tokens: 1000, completion_tokens: 200 } }))
  })
  const gateway = await start(t, provider.url)
  for (let call = 0; call < 3; call++) await (await post(`${gateway.url}/v1/chat/completions`, { model: 'gpt-5.4-mini', messages: [{ role: 'user', content: 'hi' }] }, { authorization: `Bearer ${CHAT_KEY}` })).text()
  const busy = await runRerate(gateway.folder, ['--since', '2026-01-01'])
  t.equal(busy.code, 1)
  t.match(busy.errors, /^llm-gateway rerate: DATA_DIR "data" is in use by another gateway(?: \(process \d+\))?: stop that one, then run rerate again\n$/)
  gateway.child.kill('SIGTERM')
  await gateway.ended

  t.match(await runRerate(gateway.folder, ['--since', '2026-01-01']), { code: 0, output: /^3 requests with usage, by prices \S+\n0 changed, 0 of which had no price before\n\$0\.00495 before, \$0\.00495 after: \+\$0\n$/ })
  const file = join(gateway.folder, 'mine.json')
  writeFileSync(file, JSON.stringify({ providers: { openai: { models: [{ id: 'gpt-5.4-mini', prices: [{ input: 0.5, output: 1 }] }] } } }))
  const env = { PRICES_FILE: file }
  t.match(await runRerate(gateway.folder, ['--since', '2026-01-01', '--dry-run'], env), { code: 0, output: /\(a dry run: nothing is changed\)\n3 would change[^]*\n\$0\.00495 before, \$0\.0021 after: -\$0\.00285\n$/ })
  t.match(await runRerate(gateway.folder, ['--since', '2026-01-01'], env), { code: 0, output: /\n3 changed/ })
  const db = new DatabaseSync(join(gateway.folder, 'data', 'gateway.db'), { readOnly: true })
  t.match(db.prepare('SELECT sum(cost) AS rows, (SELECT sum(cost) FROM sums) AS sums FROM requests').get(), { rows: 2_100_000, sums: 2_100_000 })
  db.close()
})

t.test('and one line, and 2, where it is called wrongly', async (t) => {
  const folder = t.testdir({})
  for (const [args, ended, said] of [
    [[], 2, /usage: llm-gateway rerate --since TIME/],
    [['--since', 'monday'], 2, /--since must be a date/],
    [['--since', '2026-01-01', '--until', '2026-13-01'], 2, /--until must be a date/],
    [['--since', '2026-01-01', '--all'], 2, /--all/],
    [['--since', '2026-01-01'], 1, /DATA_DIR "data" has no ledger/]
  ] as const) {
    const { code, output, errors } = await runRerate(folder, [...args])
    t.equal(code, ended, args.join(' '))
    t.equal(output, '')
    t.match(errors, said)
    t.equal(errors.trim().split('\n').length, 1)
  }
  t.notOk(existsSync(join(folder, 'data')), 'and none is made')
})
