import type { ServerResponse } from 'node:http'
import { connect } from 'node:net'
import t from 'tap'
import { CHAT_KEY, post, startGateway, startRawProvider, until } from '../../helper.ts'
import { chat } from './speech.ts'
import { HEAD, SSE } from './world.ts'

t.setTimeout(120_000)

t.test('a provider that ends while its client makes it wait: every byte arrives, or an error, and the process goes on (U11, U12, U58)', async (t) => {
  const piece = chat.say('x'.repeat(1000))
  const size = 24 * 1024 * 1024
  const text = piece.repeat(Math.ceil(size / piece.length))
  const chunked = HEAD('text/event-stream', 'connection: close', 'transfer-encoding: chunked')
  const endings: Array<[name: string, head: string, end: string, reset: boolean]> = [
    ['ended by the connection', SSE, chat.finish() + chat.done, false],
    ['cut off', SSE, '', false],
    ['cut off inside a chunk', `${chunked}${(size * 2).toString(16)}\r\n`, '', false],
    ['HTTP/1.0', 'HTTP/1.0 200 OK\r\ncontent-type: text/event-stream\r\n\r\n', chat.finish() + chat.done, false],
    ['reset', SSE, '', true]
  ]
  for (const [name, head, end, reset] of endings) {
    for (const amount of [256 * 1024, 1024 * 1024, 3 * 1024 * 1024, text.length]) {
      const provider = await startRawProvider(t, (socket) => {
        socket.write(head + text.slice(0, Math.floor(amount / piece.length) * piece.length) + end, () => reset ? socket.resetAndDestroy() : socket.end())
      })
      const gateway = await startGateway(t, provider.url, { env: { LOG_LEVEL: 'info' } })
      const socket = connect(Number(new URL(gateway.url).port), '127.0.0.1').on('error', () => {})
      const body = JSON.stringify(chat.ask('m', true))
      socket.write(`POST ${chat.path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${CHAT_KEY}\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: ${body.length}\r\n\r\n${body}`)
      let got = 0
      let tail = ''
      socket.pause()
      await until(() => provider.connections() === 1)
      await new Promise((resolve) => setTimeout(resolve, 250))
      socket.on('data', (data: Buffer) => {
        got += data.length
        tail = (tail + data.toString('latin1')).slice(-600)
      }).resume()
      await new Promise((resolve) => socket.once('close', resolve))
      if (end !== '') {
        t.match(tail, /\[DONE\]/, `${name}, ${amount}`)
        t.ok(got > amount * 0.99, `${name}: ${got} of ${amount}`)
      } else {
        t.match(tail, /"error":\{/, `${name}, ${amount}`)
        t.notMatch(tail, /\[DONE\]|finish_reason":"/)
      }
      await until(() => gateway.lines().some(({ outcome }) => outcome !== undefined))
      t.match(gateway.lines().find(({ outcome }) => outcome !== undefined)?.['outcome'], end === '' ? /^(incomplete|upstream_broke)$/ : /^done$/)
      await gateway.app.close()
    }
  }
})

t.test('the same, where all that was sent is on its way as it ends (U26)', async (t) => {
  const event = chat.say('x'.repeat(100_000))
  const provider = await startRawProvider(t, (socket) => { socket.end(SSE + event + chat.finish() + chat.done) })
  const gateway = await startGateway(t, provider.url, { env: { LOG_LEVEL: 'info' } })
  for (let round = 0; round < 8; round++) {
    await Promise.all(Array.from({ length: 16 }, async () => {
      const reply = await post(gateway.url + chat.path, chat.ask('m', true))
      t.match(chat.hear(await reply.text()), { text: 'x'.repeat(100_000), finish: 'stop', done: true })
    }))
  }
})

t.test('a client that takes nothing is waited for once, however many pieces of the reply lie at hand', async (t) => {
  const event = chat.say('x'.repeat(200))
  const provider = await startRawProvider(t, (socket) => {
    socket.write(HEAD('text/event-stream', 'transfer-encoding: chunked') + `${event.length.toString(16)}\r\n${event}\r\n`.repeat(60_000))
  })
  const gateway = await startGateway(t, provider.url, { env: { LOG_LEVEL: 'info' } })
  let answer: ServerResponse | undefined
  gateway.app.server.on('request', (_request, response: ServerResponse) => { answer = response })
  const socket = connect(Number(new URL(gateway.url).port), '127.0.0.1').on('error', () => {}).pause()
  t.teardown(() => socket.destroy())
  const body = JSON.stringify(chat.ask('m', true))
  socket.write(`POST ${chat.path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${CHAT_KEY}\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`)
  await until(() => answer?.writableNeedDrain === true)
  t.equal(answer?.listenerCount('drain'), 1)
})
