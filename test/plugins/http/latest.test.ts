import { connect } from 'node:net'
import t from 'tap'
import { answerOf } from '../../../plugins/http/malformed.ts'
import { startGateway, until } from '../../helper.ts'
import { chat, startSpeaker } from '../../faults/clients/dialects.ts'
import { head, request } from '../../faults/clients/wire.ts'

t.test('an idle connection keeps nothing of what it was used for', async (t) => {
  const provider = await startSpeaker(t)
  const gateway = await startGateway(t, provider.url)
  const sockets: Array<Parameters<typeof answerOf>[0]> = []
  gateway.app.server.on('connection', (socket) => sockets.push(socket))
  const client = connect(Number(new URL(gateway.url).port), '127.0.0.1')
  t.teardown(() => client.destroy())
  let got = ''
  client.on('data', (data) => { got += data })
  for (const [bytes, reply] of [[request(chat.path, JSON.stringify(chat.ask())), chat.whole], [request(chat.path, JSON.stringify(chat.ask({ stream: true }))), '0\r\n\r\n'], [request(chat.path, '{'), 'invalid_json']] as const) {
    got = ''
    client.write(bytes)
    await until(() => got.includes(reply))
    await until(() => answerOf(sockets[0]!) === undefined)
  }
  client.write(head(chat.path, ['Content-Length: 10'], { key: 'nobody' }))
  await until(() => got.includes('invalid_api_key'))
  t.ok(answerOf(sockets[0]!), 'while there is more to come of a request, its answer is remembered')
})
