import assert from 'node:assert/strict'
import { BadRequest } from '../../providers/dialects/dialect.ts'
import type { Dialect, Translation } from '../../providers/dialects/dialect.ts'
import type { Conversation } from '../../providers/dialects/conversation.ts'
import type { Event } from '../../providers/dialects/events.ts'
import { admit } from '../../providers/dialects/judge.ts'
import { objectsOf, parseOrNothing } from '../../providers/dialects/json.ts'
import { PassThrough } from '../../providers/dialects/pass-through.ts'
import { formatEvent, SseReader } from '../../providers/dialects/sse.ts'
import type { SseEvent } from '../../providers/dialects/sse.ts'
import { everyCut } from './cuts.ts'
import { anyReply, plainConversation, plainReply } from './generate.ts'
import { Random } from './law.ts'
import type { Law } from './law.ts'
import { meaning, requestMeaning, totals } from './meaning.ts'
import { richReply } from './rich.ts'

const RUNS = 60

/** The laws of a dialect; those of translation where it has one. */
export function dialectLaws (dialect: Dialect): Law[] {
  const law = (name: string, run: () => void): Law => ({ name: `${dialect.id}: ${name}`, run })
  const laws = [
    law('paths are absolute, header names in lower case', () => shape(dialect)),
    law('admission names the field at fault', () => admission(dialect)),
    law('an error is read back as it was written', () => errors(dialect))
  ]
  const { translation } = dialect
  if (translation === undefined) return laws
  const each = (run: (random: Random) => void) => (): void => {
    for (let seed = 1; seed <= RUNS; seed++) run(new Random(seed))
  }
  return [
    ...laws,
    law('decoding what was encoded gives the same reply', each((random) => roundTrip(translation, random))),
    law('any split of the bytes gives the same events', () => splits(translation)),
    law('a whole reply and its stream mean the same', each((random) => folds(dialect, translation, random))),
    law('the encoder takes whatever the grammar allows', each((random) => total(translation, random))),
    law('a cut stream is never told as finished', each((random) => truncation(dialect, translation, random))),
    law('passing through changes no byte', each((random) => passThrough(dialect, translation, random))),
    law('every frame that tells something is looked at', each((random) => matters(dialect, translation, random))),
    law('a request read back means the same', each((random) => requests(translation, random))),
    law('nothing of a request is dropped in silence', () => nothingDropped(dialect, translation))
  ]
}

function encode (translation: Translation, events: Event[]): SseEvent[] {
  const encoder = translation.encodeEvents({ now: 1, usage: true })
  return events.flatMap((event) => encoder.push(event))
}

function decode (translation: Translation, events: SseEvent[]): Event[] {
  const decoder = translation.decodeEvents()
  return [...events.flatMap((event) => decoder.push(event)), ...decoder.end()]
}

function write (events: SseEvent[]): string {
  return events.map(formatEvent).join('')
}

function shape ({ paths, requestHeaders, replyHeaders }: Dialect): void {
  assert.ok(paths.length > 0 && paths.every((path) => path.startsWith('/')))
  for (const name of [...requestHeaders, ...replyHeaders]) assert.equal(name, name.toLowerCase())
}

function admission (dialect: Dialect): void {
  const { required = [] } = dialect.admission as { required?: string[] }
  const [missing] = required
  if (missing !== undefined) assert.throws(() => admit(dialect, { fields: {} }), (error: unknown) => error instanceof BadRequest && error.param === missing)
  // What a provider keeps has no model of its own.
  if (dialect.operations !== undefined) return
  for (const model of required.includes('model') ? [undefined, null, 7, '', []] : [7, '', []]) {
    assert.throws(() => admit(dialect, { fields: { model } }), (error: unknown) => error instanceof BadRequest && error.param === 'model')
  }
  const call = admit(dialect, { fields: { model: 'model-1', surprise: true } })
  assert.equal(call.model, 'model-1')
  assert.equal(call.stream, false)
  assert.equal(call.choices, 1)
}

function errors (dialect: Dialect): void {
  for (const status of [400, 401, 403, 404, 413, 429, 500, 502, 503, 504, 529]) {
    const error = { status, code: 'some_code', message: `It failed: ${status}.` }
    assert.equal(dialect.errors.decode(dialect.errors.encode(error))?.message, error.message)
    const told = dialect.errors.events(error).map((event) => ({ event, body: parseOrNothing(event.data) }))
    for (const { event, body } of told) assert.equal(dialect.stream.read(event, body).error?.message ?? error.message, error.message)
    assert.equal(dialect.errors.decode(told.at(-1)?.body)?.message, error.message)
  }
  for (const odd of [undefined, null, 7, 'text', [], {}, { error: null }, { error: {} }]) assert.equal(dialect.errors.decode(odd), undefined)
}

function roundTrip (translation: Translation, random: Random): void {
  const sent = meaning(plainReply(random))
  random = new Random(random.below(1e6))
  const events = plainReply(random)
  const heard = meaning(decode(translation, encode(translation, events)))
  const said = meaning(events)
  assert.deepEqual({ ...heard, usage: undefined }, { ...said, usage: undefined })
  assert.deepEqual(totals(heard.usage ?? {}), totals(said.usage ?? {}))
  assert.ok(sent.reason !== undefined)
}

function splits (translation: Translation): void {
  const events = encode(translation, [...richReply])
  for (const text of [write(events), write(events).replaceAll('\n', '\r\n'), `\uFEFF: a comment\n\n${write(events)}`]) {
    const bytes = Buffer.from(text)
    const whole = read([bytes])
    assert.deepEqual(whole.map(({ data }) => parseOrNothing(data)), events.map(({ data }) => parseOrNothing(data)))
    for (const chunks of everyCut(bytes)) assert.deepEqual(read(chunks), whole)
  }
}

function read (chunks: Buffer[]): SseEvent[] {
  const reader = new SseReader(1e6)
  return chunks.flatMap((chunk) => reader.push(chunk))
}

function folds (dialect: Dialect, translation: Translation, random: Random): void {
  const stream = encode(translation, plainReply(random))
  const body = fold(dialect, stream)
  assert.deepEqual(fold(dialect, dialect.stream.unfold(body)), body)
  assert.deepEqual(sorted(meaning(decode(translation, dialect.stream.unfold(body)))), sorted(meaning(decode(translation, stream))))
}

/** A whole reply may group what a stream tells in turns. */
function sorted ({ said, ...rest }: ReturnType<typeof meaning>): object {
  const of = (type: string): object[] => said.filter((block) => block.type === type)
  return { ...rest, text: of('text').map((block) => 'text' in block ? block.text : '').join(''), thoughts: thoughts(said), calls: of('tool-call') }
}

function thoughts (said: ReturnType<typeof meaning>['said']): object {
  const reasoning = said.filter((block) => block.type === 'reasoning')
  return { text: reasoning.map(({ text }) => text).join(''), proofs: reasoning.map(({ proof }) => proof).filter((proof) => proof !== undefined) }
}

function fold (dialect: Dialect, events: SseEvent[]): Record<string, unknown> {
  const folding = dialect.stream.fold()
  for (const event of events) folding.push(event)
  return JSON.parse(JSON.stringify(folding.body())) as Record<string, unknown>
}

function total (translation: Translation, random: Random): void {
  const events = anyReply(random)
  const encoder = translation.encodeEvents({ now: 1, usage: random.chance(0.5) })
  const written = events.flatMap((event) => encoder.push(event))
  for (const event of written) assert.ok(!/[\r\n]/.test(formatEvent(event).slice(0, -2).replace(/^event: [\w.]+\n/, '')))
  const ends = decode(translation, written).filter(({ type }) => type === 'reply-end' || type === 'error')
  assert.equal(ends.length, 1)
  assert.equal(ends[0]?.type, events.at(-1)?.type)
  const odd = events.some((event) => event.type === 'foreign' || (event.type === 'block-start' && event.block.type === 'foreign'))
  if (odd) assert.ok(encoder.lossy.size > 0)
}

function truncation (dialect: Dialect, translation: Translation, random: Random): void {
  const stream = encode(translation, plainReply(random))
  for (let length = 0; length < stream.length; length++) {
    const cut = stream.slice(0, length)
    const told = cut.some((event) => {
      const { end, ended } = dialect.stream.read(event, parseOrNothing(event.data))
      return end === true || ended !== undefined
    })
    const finished = decode(translation, cut).some(({ type }) => type === 'reply-end')
    assert.equal(finished && !told, false)
    const pass = new PassThrough(dialect, { withholdUsage: false, choices: 1, redact: (text) => text })
    pass.push(Buffer.from(write(cut)))
    assert.equal(pass.end().truncated, !told)
  }
}

function passThrough (dialect: Dialect, translation: Translation, random: Random): void {
  const bytes = Buffer.from(write(encode(translation, plainReply(random))))
  const pass = new PassThrough(dialect, { withholdUsage: false, choices: 1, redact: (text) => text })
  const out: Buffer[] = []
  for (let at = 0; at < bytes.length;) {
    const size = 1 + random.below(40)
    const passed = pass.push(bytes.subarray(at, at + size))
    if (passed !== undefined) out.push(passed)
    at += size
  }
  assert.deepEqual(pass.end(), { truncated: false })
  assert.ok(Buffer.concat(out).equals(bytes))
  assert.equal(pass.model, 'model-1')
  assert.ok(pass.finish !== undefined && pass.usage !== undefined && pass.done)
}

function matters (dialect: Dialect, translation: Translation, random: Random): void {
  for (const event of encode(translation, random.chance(0.5) ? plainReply(random) : anyReply(random))) {
    const { model: _, ...reading } = dialect.stream.read(event, parseOrNothing(event.data))
    if (Object.keys(reading).length > 0) assert.ok(dialect.stream.matters(Buffer.from(formatEvent(event))), `overlooked: ${event.data}`)
  }
}

function requests (translation: Translation, random: Random): void {
  const conversation = plainConversation(random, translation.names)
  const { body, lossy } = translation.encodeRequest(conversation, {})
  assert.deepEqual(lossy, [])
  const again = translation.decodeRequest(JSON.parse(JSON.stringify(body)) as Record<string, unknown>)
  assert.deepEqual(again.extras, {})
  assert.deepEqual(requestMeaning(again), requestMeaning(conversation))
}

function nothingDropped (dialect: Dialect, translation: Translation): void {
  const asked: Conversation = { ...plainConversation(new Random(5), translation.names), turns: [{ role: 'user', parts: [{ type: 'text', text: 'Hi' }] }] }
  const { body } = translation.encodeRequest(asked, {})
  // Whatever the dialect calls its list of turns.
  const turns = ['messages', 'input'].find((name) => Array.isArray(body[name])) ?? ''
  const odd = { ...body, [turns]: objectsOf(body[turns]).map((turn) => ({ ...turn, aside: 1 })), hurry: true, nothing: null }
  const conversation = translation.decodeRequest(odd)
  const expected = ['hurry', `${turns}[].aside`]
  assert.deepEqual(Object.keys(conversation.extras).toSorted(), expected, dialect.id)
  assert.deepEqual(translation.encodeRequest(conversation, {}).lossy.toSorted(), expected)
}
