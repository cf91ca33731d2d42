import assert from 'node:assert/strict'
import type { Dialect, Translation } from '../../providers/dialects/dialect.ts'
import type { Event } from '../../providers/dialects/events.ts'
import { formatEvent } from '../../providers/dialects/sse.ts'
import { Translation as StreamTranslation } from '../../providers/dialects/translate.ts'
import { plainConversation, plainReply } from './generate.ts'
import { Random } from './law.ts'
import type { Law } from './law.ts'
import { meaning, requestMeaning, totals } from './meaning.ts'

const RUNS = 60

/** What holds between two dialects that translate: what both can say survives the way there and back. */
export function pairLaws (one: Dialect, other: Dialect): Law[] {
  const [a, b] = [one.translation, other.translation]
  if (a === undefined || b === undefined) return []
  const law = (name: string, run: (random: Random) => void): Law => ({
    name: `${one.id} and ${other.id}: ${name}`,
    run: () => { for (let seed = 1; seed <= RUNS; seed++) run(new Random(seed)) }
  })
  return [
    law('a request means the same there and back', (random) => requests(a, b, random)),
    law('a stream means the same in the other dialect, however it is cut', (random) => streams(one, other, random))
  ]
}

function requests (a: Translation, b: Translation, random: Random): void {
  const conversation = plainConversation(random, a.names)
  const first = a.encodeRequest(conversation, {}).body
  const there = b.encodeRequest(a.decodeRequest(copy(first)), {})
  const back = a.encodeRequest(b.decodeRequest(copy(there.body)), {})
  assert.deepEqual([there.lossy, back.lossy], [[], []])
  assert.deepEqual(requestMeaning(a.decodeRequest(copy(back.body))), requestMeaning(conversation))
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
  return JSON.parse(JSON.stringify(body)) as Record<string, unknown>
}
