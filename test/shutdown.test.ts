/** In a file of its own, because it waits ten seconds: other files run meanwhile. */
import t from 'tap'
import { post, startProvider, until } from './helper.ts'
import { start } from './process.ts'

const first = 'data: {"id":"c1","choices":[{"index":0,"delta":{"content":"a"},"finish_reason":null}]}\n\n'
const last = 'data: {"id":"c1","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'

// Processes start in their own time where the machine is busy.
t.setTimeout(120_000)

t.test('SIGTERM: what is silent ends with an error after ten seconds, what talks may go on', async (t) => {
  const provider = await startProvider(t, (request, response) => {
    const { model } = JSON.parse(request.body)
    response.on('error', () => {})
    if (model === 'silent') return
    response.writeHead(200, { 'content-type': 'text/event-stream' }).write(first)
    if (model === 'hangs') return
    const beat = setInterval(() => response.write(': still there\n\n'), 500)
    setTimeout(() => {
      clearInterval(beat)
      response.end(last)
    }, 12_000)
  })
  const gateway = await start(t, provider.url)
  const asked = ['silent', 'hangs', 'talks'].map((model) =>
    post(`${gateway.url}/v1/chat/completions`, { model, messages: [], stream: true }).then(async (reply) => [reply.status, await reply.text()] as const))
  await until(() => provider.requests.length === 3)
  gateway.child.kill('SIGTERM')
  const [silent, hangs, talks] = await Promise.all(asked)
  t.match(silent, [503, /shutting_down/])
  t.match(hangs, [200, /"content":"a"[^]*\n\ndata: \{"error":\{.*shutting_down.*\}\}\n\n$/])
  t.equal(talks?.[0], 200)
  t.ok(talks?.[1].startsWith(first) && talks[1].endsWith(last), 'whole')
  t.equal(await gateway.ended, 0)
})
