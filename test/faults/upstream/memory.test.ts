import { readFileSync } from 'node:fs'
import { request } from 'node:http'
import { createGzip } from 'node:zlib'
import type { Socket } from 'node:net'
import { once } from 'node:events'
import t from 'tap'
import { REAL_KEY, startRawProvider, until } from '../../helper.ts'
import { run } from '../../process.ts'
import { SPEECHES, type Speech } from './speech.ts'
import { HEAD, JSON_TYPE, SSE, framed, keyOf } from './world.ts'

t.setTimeout(240_000)

const MB = 1024 * 1024

/** Writes a piece again and again, as fast as it is taken. */
async function pour (socket: Socket, piece: Buffer, times: number): Promise<void> {
  for (let i = 0; i < times && !socket.destroyed; i++) {
    if (!socket.write(piece)) await Promise.race([once(socket, 'drain'), once(socket, 'close')])
  }
}

/** `failed` and `finished`: whether the client was told so. */
interface Poured { client: Speech, provider: Speech, status: number, bytes: number, failed: boolean, finished: boolean, growth: number }

t.test('memory is bounded, whatever the provider sends (U52, U54, U55, U56)', async (t) => {
  let answer = async (_socket: Socket, _speech: Speech): Promise<unknown> => undefined
  let speech = SPEECHES[0] as Speech
  const provider = await startRawProvider(t, (socket) => { answer(socket, speech).catch(() => {}) })
  const keys = { virtual_keys: Object.fromEntries(SPEECHES.map((speech) => [keyOf(speech), { provider: 'simulator', api_key: REAL_KEY, upstream_dialects: [speech.id] }])) }
  const running = run(t, { PROVIDERS: 'openai,simulator', SIMULATOR_BASE_URL: provider.url, MAX_REQUESTS_PER_HOUR: 'unlimited' }, JSON.stringify(keys))
  await until(() => /listening at (https?:[^"]+)/.test(running.output()) || running.child.exitCode !== null)
  const [, url = ''] = /listening at (https?:[^"]+)/.exec(running.output()) ?? []
  const resident = (): number => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${running.child.pid}/status`, 'utf8'))?.[1]) * 1024

  const ask = async (client: Speech, stream: boolean): Promise<Poured> => {
    const before = resident()
    let most = before
    const watch = setInterval(() => { most = Math.max(most, resident()) }, 20)
    const poured = await new Promise<Omit<Poured, 'growth'>>((resolve, reject) => {
      const sent = request(url + client.path, { method: 'POST', headers: { 'content-type': JSON_TYPE, authorization: `Bearer ${keyOf(speech)}` } }, (response) => {
        let bytes = 0
        let tail = ''
        const told = { failed: false, finished: false }
        response.on('data', (chunk: Buffer) => {
          bytes += chunk.length
          tail = tail.slice(-200) + chunk.toString('latin1')
          told.failed ||= /(?:larger|longer reply) than the gateway/.test(tail)
          told.finished ||= /"finish_reason":"|"type":"message_stop"|"type":"response\.completed"/.test(tail)
        })
        response.on('close', () => resolve({ client, provider: speech, status: response.statusCode ?? 0, bytes, ...told }))
      })
      sent.on('error', reject)
      sent.end(JSON.stringify(client.ask('m', stream)))
    })
    clearInterval(watch)
    return { ...poured, growth: Math.max(most, resident()) - before }
  }
  const all = async (name: string, limit: number, streams: boolean[], holds: (poured: Poured) => boolean): Promise<void> => {
    for (speech of SPEECHES) {
      for (const client of SPEECHES) {
        for (const stream of streams) {
          const poured = await ask(client, stream)
          t.ok(holds(poured), `${name}: ${client.id} on ${speech.id}, ${stream ? 'streamed' : 'whole'}: ${poured.status}, ${poured.bytes} bytes`, { failed: poured.failed, finished: poured.finished })
          t.ok(poured.growth < limit, `${name}: ${client.id} on ${speech.id}: ${Math.round(poured.growth / MB)} MB more`)
        }
      }
    }
  }
  // Warm: what is loaded once is no growth.
  answer = async (socket, speech) => socket.write(framed(speech.whole('hello')))
  for (speech of SPEECHES) for (const client of SPEECHES) await ask(client, false)

  const refused = ({ status, bytes }: Poured): boolean => status === 502 && bytes < 1000
  const packed = await new Promise<Buffer>((resolve) => {
    const gzip = createGzip({ level: 9 })
    const chunks: Buffer[] = []
    gzip.on('data', (chunk: Buffer) => chunks.push(chunk)).on('end', () => resolve(Buffer.concat(chunks)))
    gzip.write('{"x":"')
    const zeros = Buffer.alloc(MB, '0')
    for (let i = 0; i < 256; i++) gzip.write(zeros)
    gzip.end('"}')
  })
  answer = async (socket) => socket.write(framed(packed, '200 OK', 'content-encoding: gzip'))
  await all('a gzip bomb', 160 * MB, [false], refused)
  answer = async (socket) => {
    socket.write(`${HEAD(JSON_TYPE, `content-length: ${100 * MB}`)}{"x":"`)
    await pour(socket, Buffer.alloc(MB, 'x'), 100)
  }
  await all('100 MB of JSON', 160 * MB, [false], refused)
  answer = async (socket, { begin }) => {
    socket.write(`${SSE}${begin()}data: {"x":"`)
    await pour(socket, Buffer.alloc(MB, 'x'), 100)
    socket.end('"}\n\n')
  }
  // It passes as it is, or is an error where it would have to be held.
  const flat = ({ status, bytes, client, provider, failed, finished }: Poured): boolean =>
    status === 200 && !finished && (client === provider ? bytes > 100 * MB : failed && bytes < MB)
  await all('a line of 100 MB', 96 * MB, [true], flat)
  answer = async (socket, { begin, say, finish, done }) => {
    socket.write(SSE + begin())
    const piece = say('x'.repeat(500))
    await pour(socket, Buffer.from(piece.repeat(Math.ceil(MB / piece.length))), 128)
    socket.end(finish() + done)
  }
  const passes = ({ status, bytes, client, provider, failed, finished }: Poured): boolean =>
    status === 200 && (client === provider || client.id !== 'openai-responses' ? bytes > 100 * MB && finished && !failed : failed && !finished && bytes > 8 * MB)
  await all('a stream of 128 MB', 96 * MB, [true], passes)
  t.equal(running.child.exitCode, null)
})
