import assert from 'node:assert/strict'
import { isDeepStrictEqual } from 'node:util'
import type { Conversation } from '../../providers/dialects/conversation.ts'
import { BadRequest, Untranslatable } from '../../providers/dialects/dialect.ts'
import type { Dialect, ModelFacts, Translation } from '../../providers/dialects/dialect.ts'
import type { Event } from '../../providers/dialects/events.ts'
import { parseExact } from '../../providers/dialects/json.ts'
import { formatEvent } from '../../providers/dialects/sse.ts'
import { StreamTranslation } from '../../providers/dialects/translate.ts'
import { everyCut } from './cuts.ts'
import { plainConversation, plainReply } from './generate.ts'
import { Random } from './law.ts'
import type { Law } from './law.ts'
import { fullMeaning, meaning, reportsOf, requestMeaning, totals } from './meaning.ts'
import { featured, features, richConversation, richReply } from './rich.ts'

const RUNS = 60

/** What holds between two dialects that translate: what both can say survives the way there and back. */
export function pairLaws (one: Dialect, other: Dialect): Law[] {
  const [a, b] = [one.translation, other.translation]
  if (a === undefined || b === undefined) return []
  const law = (name: string, run: (random: Random) => void, runs = RUNS): Law => ({
    name: `${one.id} and ${other.id}: ${name}`,
    run: () => { for (let seed = 1; seed <= runs; seed++) run(new Random(seed)) }
  })
  return [
    law('a request means the same there and back', (random) => requests(a, b, random)),
    law('what does not come back was reported or refused', (random) => named(a, b, richConversation(random, a.names), random.pick(TARGETS))),
    law('nor is a single thing lost in silence', (random) => {
      for (const [name, add] of Object.entries(features)) {
        for (const target of TARGETS) within(name, () => named(a, b, featured(add, random, a.names), target))
      }
    }, 1),
    law('a stream means the same in the other dialect, however it is cut', (random) => streams(one, other, random)),
    law('a stream is the same wherever it is cut', () => splits(one, other), 1)
  ]
}

const TARGETS: readonly ModelFacts[] = [{}, { thinking: 'adaptive', maxOutputTokens: 64000 }, { thinking: 'none', customTools: false }, { customTools: true, reasoningText: true }]

function requests (a: Translation, b: Translation, random: Random): void {
  const conversation = plainConversation(random, a.names)
  const first = a.encodeRequest(conversation, {}).body
  const there = b.encodeRequest(a.decodeRequest(copy(first)), {})
  const back = a.encodeRequest(b.decodeRequest(copy(there.body)), {})
  assert.deepEqual([there.lossy, back.lossy], [[], []])
  assert.deepEqual(requestMeaning(a.decodeRequest(copy(back.body))), requestMeaning(conversation))
}

/** What the first dialect says of a conversation goes there and back; what differs then has been named on the way. */
function named (a: Translation, b: Translation, conversation: Conversation, target: ModelFacts): void {
  const said = orRefused(() => a.decodeRequest(copy(a.encodeRequest(conversation, target).body)))
  const there = said && orRefused(() => b.encodeRequest(said, target))
  const heard = there && orRefused(() => b.decodeRequest(copy(there.body)))
  const back = heard && orRefused(() => a.encodeRequest(heard, target))
  if (said === undefined || there === undefined || back === undefined) return
  assert.deepEqual(Object.keys(said.extras).filter((name) => !there.lossy.includes(name)), [], 'reported')
  const [before, after] = [fullMeaning(said), fullMeaning(a.decodeRequest(copy(back.body)))]
  for (const [name, about] of Object.entries(before)) {
    if (isDeepStrictEqual(about, after[name])) continue
    const reported = reportsOf(name).some((key) => there.lossy.includes(a.names[key]) || back.lossy.includes(b.names[key]))
    assert.ok(reported, `${name} is lost in silence: ${JSON.stringify(about)} became ${JSON.stringify(after[name])}, reported: ${[...there.lossy, ...back.lossy].join(', ')}`)
  }
}

/** `undefined` where it is refused, by a name. */
function orRefused<T> (run: () => T): T | undefined {
  try {
    return run()
  } catch (error) {
    if (!(error instanceof Untranslatable || error instanceof BadRequest)) throw error
    assert.ok(error.param !== '', `${error.message} names no field`)
    return undefined
  }
}

function within (name: string, run: () => void): void {
  try {
    run()
  } catch (error) {
    throw new Error(`${name}: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
  }
}

function splits (from: Dialect, to: Dialect): void {
  const encoder = from.translation?.encodeEvents({ now: 1, usage: true })
  const bytes = Buffer.from(richReply.flatMap((event) => encoder?.push(event) ?? []).map(formatEvent).join(''))
  const whole = through(from, to, [bytes])
  for (const chunks of everyCut(bytes)) assert.ok(through(from, to, chunks).equals(whole), `cut first at ${chunks[0]?.length}`)
  const heard = meaning(read(to, whole))
  const said = meaning([...richReply])
  assert.deepEqual({ ...heard, usage: undefined }, { ...said, usage: undefined })
  assert.deepEqual(totals(heard.usage ?? {}), totals(said.usage ?? {}))
}

function through (from: Dialect, to: Dialect, chunks: Buffer[]): Buffer {
  const translation = new StreamTranslation(from, to, { now: 1, usage: true, redact: (text) => text })
  const out = [...chunks.map((chunk) => translation.push(chunk)), translation.end().bytes]
  return Buffer.concat(out.filter((bytes) => bytes !== undefined))
}

function streams (from: Dialect, to: Dialect, random: Random): void {
  const events = plainReply(random)
  const encoder = from.translation?.encodeEvents({ now: 1, usage: true })
  const bytes = Buffer.from(events.flatMap((event) => encoder?.push(event) ?? []).map(formatEvent).join(''))
  const translation = new StreamTranslation(from, to, { now: 1, usage: true, redact: (text) => text })
  const out: Buffer[] = []
  for (let at = 0; at < bytes.length;) {
    const size = 1 + random.below(50)
    const piece = translation.push(bytes.subarray(at, at + size))
    if (piece !== undefined) out.push(piece)
    at += size
  }
  assert.equal(translation.end().truncated, false)
  const heard = meaning(read(to, Buffer.concat(out)))
  const said = meaning(events)
  assert.deepEqual({ ...heard, usage: undefined }, { ...said, usage: undefined })
  assert.deepEqual(totals(heard.usage ?? {}), totals(said.usage ?? {}))
}

function read (dialect: Dialect, bytes: Buffer): Event[] {
  const decoder = dialect.translation?.decodeEvents()
  return bytes.toString('utf8').split('\n\n').flatMap((frame) => {
    const data = frame.split('\n').find((line) => line.startsWith('data: '))?.slice('data: '.length)
    return data === undefined ? [] : decoder?.push({ data }) ?? []
  })
}

function copy (body: Record<string, unknown>): Record<string, unknown> {
  return parseExact(JSON.stringify(body)) as Record<string, unknown>
}
