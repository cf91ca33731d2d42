import { connect } from 'node:net'

/** Sends bytes as they are on a connection of their own. @returns all that came back until its end */
export function send (url: string, bytes: string): Promise<string> {
  return new Promise((resolve) => {
    const { hostname, port } = new URL(url)
    const socket = connect(Number(port), hostname, () => socket.write(bytes, 'latin1'))
    let got = ''
    socket.on('data', (data) => { got += data.toString('latin1') })
    socket.on('error', () => {})
    socket.on('close', () => resolve(got))
  })
}

/** A whole request that asks for the end of the connection behind its answer. */
export function request (line: string, headers: string[], body = ''): string {
  const length = body === '' ? [] : ['Content-Type: application/json', `Content-Length: ${Buffer.byteLength(body)}`]
  return [`${line} HTTP/1.1`, ...headers, ...length, 'Connection: close', '', body].join('\r\n')
}

export function statusOf (answer: string): number {
  return Number(/^HTTP\/1\.[01] (\d+)/.exec(answer)?.[1])
}

/** Each dialect, by its path, with the reply of a provider to it. */
export const dialects: Array<{ path: string, body: Record<string, unknown>, reply: Record<string, unknown> }> = [
  {
    path: '/v1/chat/completions',
    body: { model: 'm', messages: [{ role: 'user', content: 'hi' }] },
    reply: { id: 'c1', object: 'chat.completion', created: 1, model: 'm', choices: [{ index: 0, message: { role: 'assistant', content: 'hello' }, finish_reason: 'stop' }] }
  },
  {
    path: '/v1/messages',
    body: { model: 'm', max_tokens: 9, messages: [{ role: 'user', content: 'hi' }] },
    reply: { id: 'msg_1', type: 'message', role: 'assistant', model: 'm', content: [{ type: 'text', text: 'hello' }], stop_reason: 'end_turn', stop_sequence: null, usage: { input_tokens: 1, output_tokens: 1 } }
  },
  {
    path: '/v1/responses',
    body: { model: 'm', input: 'hi' },
    reply: { id: 'resp_1', object: 'response', created_at: 1, status: 'completed', model: 'm', output: [{ id: 'm_1', type: 'message', role: 'assistant', status: 'completed', content: [{ type: 'output_text', text: 'hello', annotations: [] }] }] }
  }
]

/** What a provider answers to a path, in that path's dialect. */
export function replyTo (url: string): string {
  return JSON.stringify(dialects.find(({ path }) => url.endsWith(path.slice(3)))?.reply ?? { object: 'list', data: [] })
}
