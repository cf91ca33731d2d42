import t from 'tap'
import { anthropicMessages } from '../../providers/dialects/anthropic-messages/index.ts'
import type { Dialect, EventDecoder, EventEncoder, Translation } from '../../providers/dialects/dialect.ts'
import type { Event } from '../../providers/dialects/events.ts'
import { openaiChat } from '../../providers/dialects/openai-chat/index.ts'
import { openaiResponses } from '../../providers/dialects/openai-responses/index.ts'
import type { SseEvent } from '../../providers/dialects/sse.ts'
import { dialectLaws, pairLaws } from '../laws.ts'

/** A dialect with one thing wrong: laws that do not notice are no laws. */
type Defect = (dialect: Dialect) => Dialect

const translating = (change: (translation: Translation) => Partial<Translation>): Defect => (dialect) => {
  const translation = dialect.translation as Translation
  return { ...dialect, translation: { ...translation, ...change(translation) } }
}

const hearing = (change: (events: Event[], ended: boolean) => Event[]): Defect => translating(({ decodeEvents }) => ({
  decodeEvents (): EventDecoder {
    const decoder = decodeEvents()
    return { push: (event) => change(decoder.push(event), false), end: () => change(decoder.end(), true) }
  }
}))

const saying = (change: () => (events: SseEvent[], about: Event) => SseEvent[]): Defect => translating(({ encodeEvents }) => ({
  encodeEvents (options): EventEncoder {
    const encoder = encodeEvents(options)
    const changed = change()
    return { push: (event) => changed(encoder.push(event), event), get lossy () { return encoder.lossy } }
  }
}))

const asking = (change: (body: Record<string, unknown>) => Record<string, unknown>): Defect => translating(({ encodeRequest }) => ({
  encodeRequest (conversation, target) {
    const { body, lossy } = encodeRequest(conversation, target)
    return { body: change(body), lossy }
  }
}))

const without = (...names: string[]) => (body: Record<string, unknown>) => Object.fromEntries(Object.entries(body).filter(([name]) => !names.includes(name)))
const isDelta = (event: Event, type: string): boolean => event.type === 'block-delta' && event.delta.type === type
const rewritten = (pattern: RegExp, by: string): Defect => saying(() => (events) => events.map((event) => ({ ...event, data: event.data.replace(pattern, by) })))

const defects: ReadonlyArray<[name: string, of: Dialect, defect: Defect]> = [
  ['drops signatures it hears', anthropicMessages, hearing((events) => events.filter((event) => !isDelta(event, 'signature')))],
  ['drops redacted reasoning', openaiChat, hearing((events) => events.filter((event) => !isDelta(event, 'redacted')))],
  ['numbers every parallel call 0', openaiChat, rewritten(/("tool_calls":\[\{"index":)\d+/, '$10')],
  ['gives every block index 0', anthropicMessages, rewritten(/"index":\d+/, '"index":0')],
  ['loses every seventh event', openaiChat, saying(() => {
    let n = 0
    return (events) => events.filter(() => ++n % 7 !== 0)
  })],
  ['invents a finish for a stream that was cut', anthropicMessages, hearing((events, ended) => ended && events.length === 0 ? [{ type: 'reply-end', finish: { reason: 'stop' } }] : events)],
  ['tells an error as an ending', openaiChat, hearing((events) => events.map((event) => event.type === 'error' ? { type: 'reply-end', finish: { reason: 'stop' } } : event))],
  ['counts cached tokens twice', openaiChat, hearing((events) => events.map((event) => event.type === 'usage' ? { ...event, usage: { ...event.usage, input: (event.usage.input ?? 0) + (event.usage.cacheRead ?? 0) } } : event))],
  ['forgets cache writes', anthropicMessages, rewritten(/"cache_creation_input_tokens":\d+/, '"cache_creation_input_tokens":0')],
  ['counts reasoning beside the output', openaiChat, rewritten(/"reasoning_tokens":\d+/, '"reasoning_tokens":0')],
  ['says stop for every finish', openaiChat, rewritten(/"finish_reason":"(?:length|content_filter)"/, '"finish_reason":"stop"')],
  ['takes calls for an end', anthropicMessages, rewritten(/"stop_reason":"max_tokens"/, '"stop_reason":"end_turn"')],
  ['swallows the first piece of arguments', openaiChat, hearing((events) => events.filter((event) => !(event.type === 'block-delta' && event.delta.type === 'arguments' && event.delta.json.startsWith('{"'))))],
  ['trims text', anthropicMessages, hearing((events) => events.map((event) => event.type === 'block-delta' && event.delta.type === 'text' ? { ...event, delta: { ...event.delta, text: event.delta.text.trim() } } : event))],
  ['writes a stream over lines of its own', openaiChat, saying(() => (events) => events.map(({ data }) => ({ data: data.replaceAll('\\n', '\r\n') })))],
  ['drops fields it does not know', openaiChat, translating(({ decodeRequest }) => ({ decodeRequest: (body) => ({ ...decodeRequest(body), extras: {} }) }))],
  ['reports nothing', anthropicMessages, translating(({ encodeRequest }) => ({ encodeRequest: (...given) => ({ ...encodeRequest(...given), lossy: [] }) }))],
  ['drops unknown blocks of a reply in silence', openaiChat, translating(({ encodeEvents }) => ({
    encodeEvents (options): EventEncoder {
      const encoder = encodeEvents(options)
      return { push: (event) => encoder.push(event), lossy: new Set() }
    }
  }))],
  ['forgets the choice of tool', anthropicMessages, asking(without('tool_choice'))],
  ['forgets the stop sequences', openaiChat, asking(without('stop'))],
  ['forgets the schema of the output', anthropicMessages, asking(without('output_config'))],
  ['drops who the user is', anthropicMessages, asking(without('metadata'))],
  ['asks for a stream always', openaiChat, asking((body) => ({ ...body, stream: true }))],
  ['drops what results say of errors', anthropicMessages, translating(({ decodeRequest }) => ({
    decodeRequest: (body) => decodeRequest(JSON.parse(JSON.stringify(body).replaceAll(',"is_error":true', '')))
  }))],
  ['overlooks the end', openaiChat, (dialect) => ({ ...dialect, stream: { ...dialect.stream, read: (event, body) => without('end', 'ended')({ ...dialect.stream.read(event, body) }) } })],
  ['looks at no frame', anthropicMessages, (dialect) => ({ ...dialect, stream: { ...dialect.stream, matters: () => false } })],
  ['folds a call away', anthropicMessages, (dialect) => ({
    ...dialect,
    stream: {
      ...dialect.stream,
      fold () {
        const fold = dialect.stream.fold()
        return { push: (event) => fold.push(event), body: () => ({ ...fold.body(), content: [] }) }
      }
    }
  })],
  ['drops the proof of reasoning', openaiResponses, hearing((events) => events.filter((event) => !isDelta(event, 'signature')))],
  ['says every reply is complete', openaiResponses, rewritten(/"status":"incomplete"/g, '"status":"completed"')],
  ['forgets which calls were answered', openaiResponses, asking((body) => JSON.parse(JSON.stringify(body).replaceAll('"call_id":"call_0', '"call_id":"call_9')))],
  ['takes a request without a model', openaiChat, (dialect) => ({ ...dialect, admission: { type: 'object' } })],
  ['tells errors without their message', anthropicMessages, (dialect) => ({ ...dialect, errors: { ...dialect.errors, encode: () => ({ type: 'error', error: { type: 'api_error', message: 'Failed.' } }) } })]
]

for (const [name, dialect, defect] of defects) {
  t.test(`a dialect that ${name} breaks a law`, async (t) => {
    const other = dialect === openaiChat ? anthropicMessages : openaiChat
    const broken = defect(dialect)
    const law = [...dialectLaws(broken), ...pairLaws(broken, other), ...pairLaws(other, broken)].find(({ run }) => fails(run))
    t.ok(law !== undefined, law?.name ?? 'no law noticed')
  })
}

function fails (run: () => void): boolean {
  try {
    run()
    return false
  } catch {
    return true
  }
}
