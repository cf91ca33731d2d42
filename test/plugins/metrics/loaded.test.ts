import { createRequire } from 'node:module'
import t from 'tap'
import { startGateway } from '../../helper.ts'

const loaded = (): boolean => Object.keys(createRequire(import.meta.url).cache).some((path) => path.includes('prom-client'))

t.test('the library is loaded only where there are metrics', async (t) => {
  await startGateway(t, 'http://127.0.0.1:9')
  t.notOk(loaded())
  await startGateway(t, 'http://127.0.0.1:9', { env: { METRICS_PORT: '0' } })
  t.ok(loaded())
})
