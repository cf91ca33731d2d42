import { createRequire } from 'node:module'
import { REQUEST, type RequestLine } from './line.ts'

/** Signs that could move a terminal's cursor. JSON escapes the first of the two ranges, but not the second. */
// eslint-disable-next-line no-control-regex
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/g
const UNESCAPED_CONTROL = /[\u007f-\u009f]/g

// `error` is a code word here, not an error object.
const common = { translateTime: 'SYS:HH:MM:ss', ignore: 'pid,hostname', errorLikeObjectKeys: ['err'] }

const REQUEST_END = `"msg":"${REQUEST}"}\n`

let formats: ReturnType<typeof loadFormats> | undefined

/** With the first line: a log that programs read needs none of it. */
function loadFormats () {
  const { prettyFactory } = createRequire(import.meta.url)('pino-pretty') as typeof import('pino-pretty')
  return {
    request: prettyFactory({ ...common, hideObject: true, messageFormat: (line) => summary(line) }),
    other: prettyFactory({ ...common, singleLine: true })
  }
}

/** A log line for people: a request as one short sentence, anything else as pino-pretty has it. */
export function prettify (line: string): string {
  try {
    const { request, other } = formats ??= loadFormats()
    return line.endsWith(REQUEST_END) ? request(line) : other(line.replace(UNESCAPED_CONTROL, ''))
  } catch {
    return line
  }
}

/** Such as `200 POST /v1/chat/completions  alice  acme/large  812 ms (first byte 180.2)  12 in, 40 out  $0.00063  ID`. */
function summary (line: Partial<RequestLine>): string {
  const { status, method, path, key, provider, model, stream, ms, firstByteMs, cost, outcome, error, reason, client, lossy, id } = line
  const target = [provider, model].filter((part) => part !== undefined).join('/')
  const time = ms === undefined ? '' : `${ms} ms` + (firstByteMs === undefined ? '' : ` (first byte ${firstByteMs})`)
  const parts = [
    `${status} ${method} ${path}`,
    key,
    target,
    stream === true ? 'streamed' : '',
    time,
    tokens(line),
    cost === undefined ? '' : `$${cost}`,
    outcome === 'done' ? '' : outcome,
    error === outcome ? '' : error,
    reason,
    client === undefined ? '' : `from ${client}`,
    lossy === undefined ? '' : `not translated: ${lossy.join(', ')}`,
    id
  ]
  return parts.filter((part) => part !== undefined && part !== '').join('  ').replace(CONTROL, '')
}

/** The buckets that hold any: `12 in, 400 cached, 40 out`. */
function tokens ({ tokens }: Partial<RequestLine>): string {
  if (tokens === undefined) return ''
  const named = [[tokens.input, 'in'], [tokens.cached, 'cached'], [tokens.cacheWrite, 'cache written'], [tokens.output, 'out'], [tokens.reasoning, 'reasoning']]
  return named.filter(([count]) => count).map(([count, name]) => `${count} ${name}`).join(', ')
}
