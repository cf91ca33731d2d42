import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { CHAT_KEY, post, startGateway, startProvider, until, type TestGateway } from '../../helper.ts'
import { startRedis, withoutRedis } from '../../redis.ts'

t.test('a gateway that starts on a Redis in use tells at once what its ledger says, asked or not', { skip: withoutRedis }, async (t) => {
  const redis = await startRedis(t)
  const upstream = await startProvider(t, (_request, response) => response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({
    id: 'c', object: 'chat.completion', model: 'gpt-4o-mini', choices: [], usage: { prompt_tokens: 1000, completion_tokens: 10, total_tokens: 1010 }
  })))
  const dataDir = mkdtempSync(join(tmpdir(), 'llm-gateway-data-'))
  t.teardown(() => rmSync(dataDir, { recursive: true, force: true }))
  const start = async (env: Record<string, string> = {}): Promise<TestGateway> => await startGateway(t, upstream.url, {
    keys: { [CHAT_KEY]: { budget: { usd: 1, per: 'total' } } },
    env: { REDIS_URL: redis.url, ...env }
  })
  const counted = (): number => redis.cli('--scan', '--pattern', '*counter:*money total').split('\n').filter(Boolean)
    .reduce((sum, name) => sum + Number(redis.cli('hget', name, 'u')), 0)

  const first = await start({ DATA_DIR: dataDir })
  await until(() => first.app.quota.state() === 'up')
  // A busy machine may be late once.
  while ((await post(`${first.url}/v1/chat/completions`, { model: 'gpt-4o-mini', max_tokens: 20, messages: [{ role: 'user', content: 'hi' }] })).status !== 200);
  await first.app.close()
  const spent = counted()
  t.ok(spent > 0)

  redis.cli('flushall')
  const other = await start()
  await until(() => other.app.quota.state() === 'up')
  t.equal(counted(), 0)
  const again = await start({ DATA_DIR: dataDir })
  await until(() => counted() === spent)
  t.notOk(again.lines().some(({ msg }) => /Redis is not in use/.test(String(msg))), 'and it needs one connection for that')
})
