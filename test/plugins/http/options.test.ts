import Fastify from 'fastify'
import t from 'tap'
import errors from '../../../plugins/errors.ts'
import { serverOptions } from '../../../plugins/http/options.ts'
import { post, startGateway, startProvider, until } from '../../helper.ts'

t.test('what a request has the log say names it once, as `id`', async (t) => {
  const written: string[] = []
  const app = Fastify({ ...serverOptions({}), logger: { level: 'trace', stream: { write: (line: string) => { written.push(line) } } } })
  t.teardown(() => app.close())
  await app.register(errors)
  app.get('/fails', async () => { throw new Error('oops') })
  app.get('/tells', async (request) => {
    request.log.info('told')
    return ''
  })
  for (const [url, msg] of [['/fails', 'request failed'], ['/tells', 'told'], ['/%zz', 'request']] as const) {
    written.length = 0
    await app.inject({ url, headers: { 'x-request-id': 'mine' } })
    t.match(written.map((line) => JSON.parse(line) as object), [{ msg, id: 'mine' }], url)
    t.equal(written.join('').match(/"(id|reqId)":/g)?.length, 1, 'not twice')
  }
})

t.test('a refused real key is told of under the id of the request', async (t) => {
  const provider = await startProvider(t, (_request, response) => response.writeHead(401, { 'content-type': 'application/json' }).end('{"error":{"message":"no"}}'))
  const gateway = await startGateway(t, provider.url)
  const id = (await post(`${gateway.url}/v1/chat/completions`, { model: 'm', messages: [] })).headers.get('x-request-id')
  await until(() => gateway.lines().some(({ msg }) => msg === 'request'))
  t.match(gateway.lines().find(({ msg }) => msg === 'the provider refused the real key'), { id, level: 50 })
  t.match(gateway.lines().find(({ msg }) => msg === 'request'), { id, error: 'upstream_credential_refused' })
  t.notOk(gateway.lines().some((line) => 'reqId' in line))
})
