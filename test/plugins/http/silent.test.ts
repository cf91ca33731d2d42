import { once } from 'node:events'
import { connect } from 'node:net'
import t from 'tap'
import { post, startGateway, startProvider } from '../../helper.ts'

t.test('a connection that was opened in advance holds up no end', async (t) => {
  const provider = await startProvider(t, (_request, response) => response.writeHead(200, { 'content-type': 'application/json' }).end('{"choices":[]}'))
  const gateway = await startGateway(t, provider.url)
  const port = Number(new URL(gateway.url).port)
  const silent = connect(port, '127.0.0.1')
  await once(silent, 'connect')
  const trickling = connect(port, '127.0.0.1')
  trickling.on('error', () => {})
  trickling.write('GET /health HT')
  await once(trickling, 'connect')
  t.equal((await post(`${gateway.url}/v1/chat/completions`, { model: 'm', messages: [] })).status, 200)
  const ended = Promise.all([once(silent, 'close'), once(trickling, 'close')])
  await gateway.app.close()
  await ended
})
