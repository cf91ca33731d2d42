/** Clients that take their time. The waits are real, and all at once. */
import t, { type Test } from 'tap'
import { startGateway, until } from '../../helper.ts'
import { chat, dialects, isError, startSpeaker, type Spoken } from './dialects.ts'
import { ends, goesOn, head, request, Wire, type Answer } from './wire.ts'

t.setTimeout(120_000)

const provider = await startSpeaker(t)
const gateway = await startGateway(t, provider.url, { env: { MAX_REQUESTS_PER_HOUR: '100' } })

const CHUNKED = 'Transfer-Encoding: chunked'
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** Says a text byte by byte, one a second, until the gateway has had enough. @returns how long it was heard */
async function trickle (wire: Wire, text: string): Promise<number> {
  const begun = performance.now()
  let at = 0
  const timer = text === '' ? undefined : setInterval(() => wire.say(text[at++ % text.length] ?? ''), 1000)
  await wire.closed
  clearInterval(timer)
  return performance.now() - begun
}

/** A body that comes with 12 KB a second, which is not too slow. */
async function upload (t: Test, url: string, dialect: Spoken): Promise<void> {
  const body = JSON.stringify(dialect.ask()).padEnd(300 * 1024)
  const wire = new Wire(url).say(head(dialect.path, [`Content-Length: ${body.length}`], dialect))
  for (let at = 0; at < body.length; at += 12 * 1024) {
    wire.say(body.slice(at, at + 12 * 1024))
    await sleep(1000)
  }
  t.equal((await wire.answer()).status, 200, dialect.name)
  t.equal(await goesOn(wire), 200)
}

t.test('slow heads, slow bodies, silence (C10, C11, C12)', async (t) => {
  /** @param answered what the answer must be; without it there may be one */
  const hold = async (title: string, said: string | Wire, text: string, [least, most]: [number, number], answered?: (answer: Answer, title: string) => void): Promise<void> => {
    const wire = said instanceof Wire ? said : new Wire(gateway.url).say(said)
    const took = await trickle(wire, text)
    t.ok(took >= least && took <= most, `${title}: ${took} ms`)
    if (answered !== undefined || wire.rest !== '') {
      const answer = await wire.answer()
      answered?.(answer, title)
    }
    t.equal(await ends(wire), '', `${title}: one answer`)
  }
  const is = (dialect: Spoken, status: number) => (answer: Answer, title: string): void => {
    t.equal(answer.status, status, title)
    isError(t, dialect, answer, title)
    if (status === 408) t.equal(answer.headers['connection'], 'close', title)
  }
  const asked = dialects.flatMap((dialect) => {
    const { name, path, key } = dialect
    return [
      // Of a head that never comes whole the path is not known.
      hold(`${name}: a head`, `POST ${path} HTTP/1.1\r\nHost: gateway\r\nX-A: `, 'y', [9000, 15_000], is(chat, 408)),
      hold(`${name}: nothing behind the 100`, head(path, ['Content-Length: 10', 'Expect: 100-continue'], dialect), '', [9000, 20_000], is(dialect, 408)),
      ...[['Content-Length: 1000'], [CHUNKED]].flatMap((lines) => {
        const first = lines[0] === CHUNKED ? '3e8\r\n{' : '{'
        return [
          hold(`${name}: a body, ${lines}`, head(path, lines, { key }) + first, ' ', [19_000, 30_000], is(dialect, 408)),
          hold(`${name}: a body that stalls, ${lines}`, head(path, lines, { key }) + first, '', [9000, 20_000], is(dialect, 408)),
          // Who has its answer by the head alone is not waited for any longer.
          hold(`${name}: a body of one who is refused, ${lines}`, head(path, lines, { key: 'nobody' }) + first, ' ', [9000, 30_000], is(dialect, 401))
        ]
      })
    ]
  })
  asked.push(hold('silence', '', '', [0, 30_000]))
  asked.push(hold('half a method', 'PO', '', [9000, 15_000], is(chat, 408)))
  asked.push(hold('empty lines', '', '\r\n', [0, 30_000]))
  const second = new Wire(gateway.url).say(request(chat.path, '{', [], chat))
  t.equal((await second.answer()).status, 400)
  asked.push(hold('a second head', second.say('GET /health HTTP/1.1\r\nX-A: '), 'y', [9000, 15_000], is(chat, 408)))
  const other = await startGateway(t, (await startSpeaker(t)).url)
  asked.push(...dialects.map((dialect) => upload(t, other.url, dialect)))
  await Promise.all(asked)
  t.equal(provider.requests.length, 0, 'nothing is sent upstream')
  for (const { key } of dialects) t.equal(gateway.app.quota.headers(gateway.app.keys.find(key)!)['x-ratelimit-remaining-requests'], '100')
  let open = -1
  for (let tries = 0; tries < 100 && open !== 0; tries++) {
    await sleep(100)
    open = await new Promise((resolve) => gateway.app.server.getConnections((_error, count) => resolve(count)))
  }
  t.equal(open, 0, 'no connection is kept')
})

t.test('a client that says it sends no more gets its answer, or the end (C6)', async (t) => {
  for (const dialect of dialects) {
    for (const [model, stream] of [['m1', false], ['m1', true], ['silent', false], ['silent', true], ['hangs', true]] as const) {
      const before = provider.requests.length
      const wire = new Wire(gateway.url).say(request(dialect.path, JSON.stringify(dialect.ask({ model, stream })), [], dialect))
      wire.socket.end()
      const begun = performance.now()
      await wire.closed
      t.ok(performance.now() - begun < 5000, `${dialect.name}, ${model}, ${stream}`)
      const whole = stream ? dialect.rest : dialect.whole
      t.ok(wire.rest === '' || model !== 'm1' || wire.rest.includes(whole) || !wire.rest.includes('0\r\n\r\n'), 'whole, or visibly not')
      await sleep(50)
      if (model !== 'm1' && provider.requests.length > before) await provider.requests.at(-1)!.aborted
      wire.leave()
    }
  }
  await until(() => gateway.app.exchanges.open === 0)
})
