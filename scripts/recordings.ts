/**
 * Runs the dialects over recorded exchanges with real providers and compares what comes out with what the vendors' own
 * SDKs read from the same recording.
 *
 *     node scripts/recordings.ts FOLDER [--list]
 *
 * The folder holds an `index.json` that lists the recordings. Prints how many were run and how many are equal, by
 * class, and every difference; `--list` also prints what requests were refused for or lost.
 */
import { BadRequest, Untranslatable } from '../providers/dialects/dialect.ts'
import type { Call, Dialect } from '../providers/dialects/dialect.ts'
import { dialects } from '../providers/dialects/index.ts'
import { admit } from '../providers/dialects/judge.ts'
import { isObject, objectOf, parseOrNothing } from '../providers/dialects/json.ts'
import { replyStream, wholeReply } from '../providers/dialects/reply.ts'
import type { Ending } from '../providers/dialects/reply.ts'
import { SseReader } from '../providers/dialects/sse.ts'
import { putTogether } from './put-together.ts'
import { sameHeard } from './replay/compare.ts'
import { hear, type Heard } from './replay/hear.ts'
import type { Api } from './replay/job.ts'
import { readRecordings, type Recording } from './replay/recordings.ts'

const [folder = '', flag] = process.argv.slice(2)
const counts = new Map<string, { run: number, equal: number }>()
const differences: string[] = []
const reasons = new Map<string, number>()
const redact = (text: string): string => text

function tally (name: string, id: string, difference: string | undefined): void {
  const count = counts.get(name) ?? { run: 0, equal: 0 }
  counts.set(name, count)
  count.run++
  if (difference === undefined) count.equal++
  else differences.push(`${name}: ${id}: ${difference}`)
}

function reason (text: string): void {
  reasons.set(text, (reasons.get(text) ?? 0) + 1)
}

/** Pseudo-random numbers, the same in every run. */
function random (seed: number): () => number {
  let state = seed
  return () => {
    state = (state * 1664525 + 1013904223) >>> 0
    return state / 2 ** 32
  }
}

const next = random(7)

function cut (bytes: Buffer, size: () => number): Buffer[] {
  const chunks: Buffer[] = []
  for (let at = 0; at < bytes.length;) {
    const end = at + Math.max(1, Math.floor(size()))
    chunks.push(bytes.subarray(at, end))
    at = end
  }
  return chunks
}

interface Sent { bytes: Buffer, ending: Ending }

function relay (client: Dialect, upstream: Dialect, chunks: Buffer[], call: Call): Sent {
  const stream = replyStream({ client, upstream, call, redact, now: 1 })
  const out = chunks.map((chunk) => stream.push(chunk)).filter((bytes) => bytes !== undefined)
  const ending = stream.end()
  if (ending.bytes !== undefined) out.push(ending.bytes)
  return { bytes: Buffer.concat(out), ending }
}

function callOf (recording: Recording, stream: boolean): Call {
  const n = objectOf(recording.request?.body).n
  return { model: 'm', stream, choices: typeof n === 'number' ? n : 1, wantsUsage: true }
}

/** What an app gets out of a reply. Of a stream what the SDK puts together, and from its pieces what that SDK knows nothing of. */
async function listen ({ id }: Dialect, bytes: Buffer, sse: boolean): Promise<Heard> {
  const api = id as Api
  if (!sse) return hear[api]({ reply: JSON.parse(bytes.toString()) })
  const { reply, events } = await putTogether(api, bytes)
  const heard = hear[api]({ reply })
  if (api === 'anthropic-messages') return heard
  const { reasoning, proofs, usage, pages } = hear[api]({ events })
  return { ...heard, reasoning, proofs, usage, pages }
}

function failure (error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error)
}

/** Names why the reply ended. */
const NAMED = /"(?:finish|stop)_reason":\s*"\w|"type":\s*"response\.(?:completed|incomplete)"/

/** Says that the reply is still to come. */
function isUnfinished (body: unknown): boolean {
  return ['queued', 'in_progress'].includes(String(objectOf(body).status))
}

function passThrough (recording: Recording, dialect: Dialect): void {
  const { id, response: { sse, body } } = recording
  if (sse === undefined) {
    const bytes = Buffer.from(JSON.stringify(body))
    const { bytes: out, usage, finish, error } = wholeReply(bytes, { client: dialect, upstream: dialect, call: callOf(recording, false), redact, now: 1, sse: false })
    if (isUnfinished(body)) return tally(`${dialect.id} whole, passed through, not there yet`, id, out?.equals(bytes) === true && finish === undefined ? undefined : `finish ${finish}`)
    const same = error !== undefined || out?.equals(bytes) === true
    tally(`${dialect.id} whole, passed through`, id, same && (error !== undefined || (usage !== undefined && (finish !== undefined || !NAMED.test(bytes.toString())))) ? undefined : `usage ${JSON.stringify(usage)}, finish ${finish}`)
    return
  }
  const bytes = Buffer.from(sse)
  const cuts: Record<string, Buffer[]> = {
    'in one': [bytes],
    'cut at random': cut(bytes, () => next() * 300),
    ...bytes.length < 40_000 && { 'cut at every byte': cut(bytes, () => 1) }
  }
  for (const [how, chunks] of Object.entries(cuts)) {
    const { bytes: out, ending } = relay(dialect, dialect, chunks, callOf(recording, true))
    const named = NAMED.test(sse)
    const counted = /"usage":\s*\{/.test(sse)
    const fault = !out.equals(bytes)
      ? `${bytes.length} bytes became ${out.length}`
      : ending.truncated ? 'counts as cut' : named !== (ending.finish !== undefined) ? `finish ${ending.finish}` : counted !== (ending.usage !== undefined) ? 'no usage' : undefined
    tally(`${dialect.id} stream, passed through, ${how}`, id, ending.error !== undefined && out.equals(bytes.subarray(0, out.length)) ? undefined : fault)
  }
}

async function translated (recording: Recording, from: Dialect, to: Dialect): Promise<void> {
  const { id, response: { sse, body } } = recording
  const bytes = Buffer.from(sse ?? JSON.stringify(body))
  for (const stream of [true, false]) {
    const name = `${from.id} ${sse === undefined ? 'whole' : 'stream'} → ${to.id} ${stream ? 'stream' : 'whole'}`
    const call = callOf(recording, stream)
    let expected: Heard
    const sent: Sent = sse !== undefined && stream
      ? relay(to, from, cut(bytes, () => next() * 300), call)
      : whole(wholeReply(bytes, { client: to, upstream: from, call, redact, now: 1, sse: sse !== undefined }))
    if (sent.ending.error !== undefined) {
      tally(`${name}, errors`, id, sse === undefined || !stream || sent.bytes.includes('"error"') ? undefined : 'error lost')
      continue
    }
    if (sse === undefined && isUnfinished(body)) {
      tally(`${name}, not there yet`, id, sent.ending.truncated ? undefined : 'counts as finished')
      continue
    }
    let reader = ''
    try {
      expected = await listen(from, bytes, sse !== undefined)
    } catch {
      // A server's stream that the vendor's SDK cannot read: put together by the dialect instead.
      reader = ', folded since the vendor\'s SDK cannot read it'
      expected = await listen(from, folded(from, bytes), false)
    }
    // Servers that name no reason to end, or have a word of their own for none but the end.
    if (['none', 'eos'].includes(expected.finish)) expected.finish = 'stop'
    try {
      tally(`${name}${reader}`, id, sent.ending.truncated ? 'counts as cut' : sameHeard(expected, await listen(to, sent.bytes, stream)))
    } catch (error) {
      tally(name, id, failure(error))
    }
    for (const lost of sent.ending.lossy ?? []) reason(`${from.id} → ${to.id} reply lossy: ${lost}`)
  }
}

function folded (dialect: Dialect, sse: Buffer): Buffer {
  const fold = dialect.stream.fold()
  const reader = new SseReader(1e9)
  // As the relay does, up to the stream's own end.
  for (const event of [...reader.push(sse), ...reader.push(Buffer.from('\n\n'))]) {
    fold.push(event)
    if (dialect.stream.read(event, parseOrNothing(event.data)).end === true) break
  }
  return Buffer.from(JSON.stringify(fold.body()))
}

function whole (ending: Ending): Sent {
  return { bytes: ending.bytes ?? Buffer.alloc(0), ending }
}

function requests (recording: Recording, from: Dialect, to: Dialect): void {
  const body = recording.request?.body
  if (!isObject(body)) return
  const name = `${from.id} request → ${to.id} and back, taken`
  try {
    admit(from, { fields: body })
    const conversation = from.translation?.decodeRequest(body)
    if (conversation === undefined) return
    const target = { thinking: 'adaptive', maxOutputTokens: 64000 } as const
    const encoded = to.translation?.encodeRequest(conversation, target)
    for (const lost of encoded?.lossy ?? []) reason(`${name} lossy: ${lost}`)
    // And back: what both can say means the same.
    const again = to.translation?.decodeRequest(objectOf(JSON.parse(JSON.stringify(encoded?.body))))
    const back = again === undefined ? undefined : from.translation?.encodeRequest(again, target)
    tally(name, recording.id, back === undefined ? 'nothing' : undefined)
  } catch (error) {
    if (error instanceof Untranslatable || error instanceof BadRequest) {
      reason(`${name} ${error.name}: ${error.param.replaceAll(/\[\d+\]/g, '[]')}: ${error.message.replaceAll(/\[\d+\]/g, '[]')}`)
      tally(`${name}, refused by name`, recording.id, undefined)
    } else {
      tally(name, recording.id, failure(error))
    }
  }
}

const speaking = [...dialects.values()].filter(({ translation }) => translation !== undefined)
for (const recording of readRecordings(folder, speaking.map(({ id }) => id))) {
  const dialect = speaking.find(({ id }) => id === recording.dialect)
  if (dialect === undefined) continue
  const others = speaking.filter((other) => other !== dialect)
  for (const other of others) requests(recording, dialect, other)
  if (recording.response.status !== 200) {
    const error = dialect.errors.decode(recording.response.body)
    tally(`${dialect.id} error replies`, recording.id, error === undefined ? `not read: ${JSON.stringify(recording.response.body).slice(0, 200)}` : undefined)
    continue
  }
  passThrough(recording, dialect)
  for (const other of others) await translated(recording, dialect, other)
}

for (const [name, { run, equal }] of [...counts].sort(([a], [b]) => a.localeCompare(b))) console.log(`${name}: run ${run}, equal ${equal}`)
console.log(differences.length === 0 ? '\nno differences' : `\ndifferences:\n${differences.join('\n')}`)
if (flag === '--list') console.log(`\n${[...reasons].sort(([a], [b]) => a.localeCompare(b)).map(([text, count]) => `${count} × ${text}`).join('\n')}`)
