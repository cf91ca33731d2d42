import t from 'tap'
import { startGateway } from '../helper.ts'
import { send } from '../faults/security/raw.ts'

t.test('an address that asks too often without a key is told so, and for how long', async (t) => {
  const gateway = await startGateway(t, 'http://127.0.0.1:9')
  for (const path of ['/nothing', '/health']) {
    const request = `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`
    const answers = await send(gateway.url, request.repeat(6000) + request.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'))
    const last = answers.slice(answers.lastIndexOf('HTTP/1.1 '))
    t.match(last, /^HTTP\/1\.1 429 [^]*retry-after: [1-9]\d?\r\n[^]*"code":"too_many_requests"/, path)
    // Of requests that come in one piece of a connection the counter sees the last first.
    t.ok([...answers.matchAll(/HTTP\/1\.1 429/g)].length < 1000, 'and not long before')
  }
  t.notOk(gateway.lines().some(({ level }) => Number(level) >= 50))
})
