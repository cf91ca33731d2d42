/* eslint no-template-curly-in-string: off -- in keys.json, ${NAME} is a reference. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { until } from '../helper.ts'
import { startHostile } from './hostile.ts'
import { Client, Evidence, launch, PLUGIN, realKeys, Secrets } from './stage.ts'

t.setTimeout(120_000)

t.test('leaks that are planted in a running gateway are found, each where it is', async (t) => {
  const secrets = new Secrets()
  const real = realKeys(secrets)
  const token = secrets.make('the virtual key', 'vk_')
  const provider = await startHostile(t, () => '')
  const evidence = new Evidence()
  const keys = { virtual_keys: { [token]: { provider: 'openai', api_key: '${CANARY_API_KEY}' } } }
  const gateway = await launch(t, { PROVIDERS: `openai,anthropic,deepseek,${PLUGIN}`, OPENAI_BASE_URL: `${provider.url}/v1`, CANARY_API_KEY: real.odd, CANARY_MANNER: 'leaks' }, keys)
  const client = new Client(gateway.url, evidence)
  const body = (model: string): object => ({ model, messages: [{ role: 'user', content: 'hi' }] })
  await client.ask('/v1/chat/completions', { headers: { authorization: `Bearer ${token}` }, body: body('status-400') })
  t.same(evidence.find(secrets.all), [], 'none in the reply')
  // Content passes: where it is not said to, it is a leak.
  await client.ask('/v1/chat/completions', { headers: { authorization: `Bearer ${token}` }, body: body('content') })
  await until(() => gateway.output().split('"msg":"request"').length === 3)
  evidence.add('the output', gateway.output())
  writeFileSync(join(gateway.folder, 'data', 'left.bin'), Buffer.from(`\0${Buffer.from(`user:${token}`).toString('base64')}\0`))
  evidence.addFolder('the folder', gateway.folder, ['keys.json'])

  const found = evidence.find(secrets.all)
  for (const expected of [
    'real key in keys.json, as plain, in the output',
    'real key in keys.json, as URL, in reply to POST /v1/chat/completions content',
    'real key in keys.json, as base64, in reply to POST /v1/chat/completions content',
    'the virtual key, as base64, in the folder/left.bin'
  ]) t.ok(found.includes(expected), `${expected}: ${found.join('; ')}`)
  t.notOk(found.some((line) => line.endsWith('.jsonl') || line.endsWith('.db')), 'nothing that was not planted')
})
