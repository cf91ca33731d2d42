/** What a client got, read strictly, and what is wrong with it. */

export interface Reply { status: number, headers: Map<string, string>, body: string }

const LINE = /^HTTP\/1\.1 (\d{3}) [^\r\n]*$/
const HEADER = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+): ?([^\r\n\0]*)$/

/**
 * All replies on a connection, one behind the other.
 * @param ended whether nothing more comes: then the last must be whole
 * @throws {Error} that says what is not HTTP
 */
export function readReplies (bytes: Buffer, ended: boolean): Reply[] {
  const found: Reply[] = []
  let at = 0
  while (at < bytes.length) {
    const end = bytes.indexOf('\r\n\r\n', at)
    if (end === -1) {
      if (ended) throw new Error(`a head without an end: ${JSON.stringify(bytes.toString('latin1', at, at + 100))}`)
      return found
    }
    const [line = '', ...lines] = bytes.toString('latin1', at, end).split('\r\n')
    const status = Number(LINE.exec(line)?.[1])
    if (!(status >= 100)) throw new Error(`no status line: ${JSON.stringify(line.slice(0, 100))}`)
    const headers = new Map<string, string>()
    for (const text of lines) {
      const [, name, value] = HEADER.exec(text) ?? []
      if (name === undefined || value === undefined) throw new Error(`no header: ${JSON.stringify(text.slice(0, 100))}`)
      headers.set(name.toLowerCase(), value)
    }
    at = end + 4
    if (status < 200 || status === 204) {
      found.push({ status, headers, body: '' })
      continue
    }
    const body = headers.get('transfer-encoding') === 'chunked' ? readChunks(bytes, at) : readLength(bytes, at, headers)
    if (body === undefined) {
      if (ended) throw new Error(`a ${status} that is not whole`)
      return found
    }
    found.push({ status, headers, body: body.bytes.toString() })
    at = body.end
  }
  return found
}

function readLength (bytes: Buffer, at: number, headers: Map<string, string>): { bytes: Buffer, end: number } | undefined {
  const text = headers.get('content-length')
  if (text === undefined && headers.get('connection') === 'close') return { bytes: bytes.subarray(at), end: bytes.length }
  if (text === undefined || !/^\d+$/.test(text)) throw new Error('a reply without a length')
  const end = at + Number(text)
  return end > bytes.length ? undefined : { bytes: bytes.subarray(at, end), end }
}

function readChunks (bytes: Buffer, from: number): { bytes: Buffer, end: number } | undefined {
  const parts: Buffer[] = []
  let at = from
  for (;;) {
    const end = bytes.indexOf('\r\n', at)
    if (end === -1) return undefined
    const text = bytes.toString('latin1', at, end)
    if (!/^[0-9a-f]+$/i.test(text)) throw new Error(`no chunk size: ${JSON.stringify(text.slice(0, 100))}`)
    const size = parseInt(text, 16)
    at = end + 2
    if (at + size + 2 > bytes.length) return undefined
    if (bytes.toString('latin1', at + size, at + size + 2) !== '\r\n') throw new Error('a chunk longer than it says')
    parts.push(bytes.subarray(at, at + size))
    at += size + 2
    if (size === 0) return { bytes: Buffer.concat(parts), end: at }
  }
}

/** What is wrong with a reply. @param strict whether the gateway wrote each event itself */
export function faultOf (path: string, { status, headers, body }: Reply, strict: boolean): string | undefined {
  if (body.includes('internal_error') || (status === 500 && headers.get('content-type') === undefined)) return `internal error: ${body.slice(0, 300)}`
  if (status < 200 || status === 204) return undefined
  const type = headers.get('content-type') ?? ''
  if (type.startsWith('application/json')) return jsonFault(path, status, body)
  if (!type.startsWith('text/event-stream')) return body === '' || status >= 400 ? undefined : `a body of type ${JSON.stringify(type)}`
  return strict ? eventsFault(path, body) : undefined
}

function jsonFault (path: string, status: number, body: string): string | undefined {
  // HEAD has none.
  if (body === '') return undefined
  let value: Record<string, unknown>
  try {
    value = JSON.parse(body) as Record<string, unknown>
  } catch {
    return `no JSON: ${body.slice(0, 300)}`
  }
  if (status < 400) return undefined
  const error = value['error'] as Record<string, unknown> | undefined
  const anthropic = /^\/(v1\/)?messages/.test(path)
  if (typeof error?.['message'] !== 'string' || typeof error['type'] !== 'string') return `an error of another shape: ${body.slice(0, 300)}`
  // What is no HTTP has no path, and a spoilt one is of no dialect.
  const pathless = ['malformed_http', 'headers_too_large', 'request_timeout', 'not_found'].includes(String(error['code'])) ||
    // No path of Messages takes GET: the one that was sent was cut to another.
    error['message'] === 'This path takes GET, HEAD.'
  if (anthropic && !pathless && value['type'] !== 'error') return `an error not in Messages: ${body.slice(0, 300)}`
  return undefined
}

/** Every event is one of the dialect's, and the last one ends the stream. */
function eventsFault (path: string, body: string): string | undefined {
  if (!body.endsWith('\n\n')) return `a stream that ends in an event: ${JSON.stringify(body.slice(-200))}`
  const datas = body.split('\n\n').slice(0, -1).filter((event) => !event.startsWith(':')).map((event) => event.split('\n').filter((line) => line.startsWith('data: ')).map((line) => line.slice(6)).join('\n'))
  const last = datas.at(-1) ?? ''
  for (const data of datas) {
    if (data === '[DONE]') continue
    try {
      JSON.parse(data)
    } catch {
      return `an event that is no JSON: ${JSON.stringify(data.slice(0, 200))}`
    }
  }
  const ended = path.endsWith('/messages')
    ? /"type":"(message_stop|error)"/.test(last)
    : path.endsWith('/responses') ? /"type":"(response\.(completed|incomplete|failed)|error)"/.test(last) : last === '[DONE]' || /"error":/.test(last)
  return ended ? undefined : `a stream without an end: ${JSON.stringify(last.slice(0, 200))}`
}
