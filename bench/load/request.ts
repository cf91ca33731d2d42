import type { Running } from '../targets/target.ts'

/** What the provider is to answer: see there. */
export type Wish = { kind: 'whole' } | { kind: 'stream', chunks: number, pause: number, bytes: number }

export const whole: Wish = { kind: 'whole' }

/** A conversation's body. @param padding bytes of prompt besides */
function body (running: Running, wish: Wish, padding = 0): Buffer {
  const stream = wish.kind === 'stream'
  const text = stream ? `bench:stream:${wish.chunks}:${wish.pause}:${wish.bytes}` : 'bench:whole'
  return Buffer.from(JSON.stringify({
    model: running.model,
    ...(stream && { stream, stream_options: { include_usage: true } }),
    messages: [
      { role: 'user', content: `${text} ${'What is the answer to everything? '.repeat(10)}` },
      ...(padding > 0 ? [{ role: 'assistant', content: 'Go on.' }, { role: 'user', content: prompt(padding) }] : [])
    ]
  }))
}

/** Words as in source code, since long prompts are that: quotes, line ends and a few letters beyond ASCII. */
function prompt (bytes: number): string {
  const line = '  const answer = await ask("what is “everything” for?", { retries: 3 }) // naïve\n'
  return line.repeat(Math.ceil(bytes / Buffer.byteLength(line)))
}

function headers (running: Running): Record<string, string> {
  return { 'content-type': 'application/json', ...running.headers }
}

/** The request as it goes out. */
export function request (running: Running, wish: Wish, padding = 0): Buffer {
  const content = body(running, wish, padding)
  const lines = Object.entries({ host: `127.0.0.1:${running.port}`, ...headers(running), 'content-length': content.length }).map(([name, value]) => `${name}: ${value}`)
  return Buffer.concat([Buffer.from([`POST ${PATH} HTTP/1.1`, ...lines, '', ''].join('\r\n')), content])
}

export const PATH = '/v1/chat/completions'
