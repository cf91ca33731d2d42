import { connect } from 'node:net'
import { once } from 'node:events'
import t from 'tap'
import { startGateway } from '../../helper.ts'

t.test('a connection that is broken off before its request is looked at is no error of the gateway\'s (C1)', async (t) => {
  const { url, app, lines } = await startGateway(t, 'http://127.0.0.1:9')
  const { hostname, port } = new URL(url)
  // Some are gone when their request is looked at.
  const left = (): Array<Record<string, unknown>> => lines().filter(({ status }) => status === 499)
  for (let round = 0; round < 2000 && left().length < 3; round++) {
    await Promise.all(['/v1/chat/completions', '/nowhere', '/health', '/usage'].map(async (path) => {
      const socket = connect(Number(port), hostname)
      await once(socket, 'connect')
      socket.write(`POST ${path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}`, () => socket.resetAndDestroy())
      await once(socket, 'close')
    }))
  }
  t.equal((await app.inject({ url: '/health' })).statusCode, 200)
  const gone = left()
  t.ok(gone.length > 0)
  t.same(lines().filter(({ level }) => Number(level) >= 50), [])
  t.same(gone.filter(({ error }) => error === 'internal_error'), [])
})
