import Fastify from 'fastify'
import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import t from 'tap'
import { OWN, REQUEST } from '../../../plugins/logging/line.ts'
import { loggerOptions } from '../../../plugins/logging/logger.ts'
import type { LogSink } from '../../../plugins/logging/sink.ts'

/** What the gateway's logger writes, beside what pino alone makes of the same. */
async function both (say: (log: ReturnType<typeof Fastify>['log']) => void, level = 'info'): Promise<{ ours: string[], pinos: string[] }> {
  const stream = new PassThrough()
  const options = loggerOptions(level, 'json', stream)
  say(Fastify({ logger: options }).log)
  await (options.stream as LogSink).flush()
  stream.end()
  const { hooks: _, ...alone } = options
  const pinos: string[] = []
  say(Fastify({ logger: { ...alone, stream: { write: (line: string) => { pinos.push(line) } } } }).log)
  const lines = (all: string): string[] => all.replace(/"time":\d+/g, '"time":0').split('\n').slice(0, -1)
  return { ours: lines(await text(stream)), pinos: lines(pinos.join('')) }
}

t.test('the line of a request is pino\'s to the byte', async (t) => {
  const line = {
    [OWN]: true,
    id: 'a"\\\u0000\u2028\ud800é' + 'x'.repeat(60),
    path: '/v1/\u0001',
    key: undefined,
    stream: false,
    ms: 1.5,
    cost: '0.000001',
    tokens: { input: 1, output: undefined },
    lossy: ['a', 'b"'],
    nothing: null
  }
  const { ours, pinos } = await both((log) => {
    log.info(line, REQUEST)
    log.warn(line, REQUEST)
    log.debug(line, REQUEST)
    log.child({ id: 'of"a child' }).info({ [OWN]: true, status: 400 }, REQUEST)
    log.info(line, REQUEST)
  })
  t.equal(ours.length, 4)
  t.same(ours, pinos)
})

t.test('all else is pino\'s, errors above all, whatever the message', async (t) => {
  const error = new Error('oops')
  const { ours, pinos } = await both((log) => {
    log.info('request')
    log.error({ err: error }, REQUEST)
    log.error(error, REQUEST)
    log.error(error)
    const cycle: Record<string, unknown> = {}
    cycle['itself'] = cycle
    for (const fields of [{}, [1, 2], new Date(0), { n: 1n }, cycle, { id: undefined }]) log.info(fields, REQUEST)
    log.info({ port: 1 }, 'listening at %s', 'x')
  }, 'trace')
  t.equal(ours.length, 11)
  t.equal(ours.join('').match(/"message":"oops"/g)?.length, 3)
  t.same(ours, pinos)
})

t.test('a plugin that says `request` of a whole request tells none of its headers', async (t) => {
  const stream = new PassThrough()
  const options = loggerOptions('info', 'json', stream)
  const app = Fastify({ logger: options })
  t.teardown(() => app.close())
  app.get('/', async (request, reply) => {
    request.log.info({ req: request, res: reply }, REQUEST)
    return 'ok'
  })
  const { body } = await app.inject({ url: '/', headers: { authorization: 'Bearer secret-0123456789' } })
  t.equal(body, 'ok')
  await (options.stream as LogSink).flush()
  stream.end()
  const said = await text(stream)
  t.match(said, /"req":\{"method":"GET".*"msg":"request"/)
  t.notMatch(said, 'secret-0123456789')
  for (const line of said.trimEnd().split('\n')) JSON.parse(line)
})
