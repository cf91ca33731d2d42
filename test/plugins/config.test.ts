import { mkdirSync, writeFileSync } from 'node:fs'
import { hostname, networkInterfaces } from 'node:os'
import { join } from 'node:path'
import Fastify, { type FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import config, { readSettings, type ConfigOptions } from '../../plugins/config/index.ts'
import { parseBaseUrl, pointsAtGateway } from '../../plugins/config/base-url.ts'
import { parseDuration, parsePeriod, parseTimeout } from '../../plugins/config/duration.ts'
import { misspelt } from '../../plugins/config/misspelt.ts'
import { parseSize } from '../../plugins/config/size.ts'

async function build (t: Test, env: NodeJS.ProcessEnv = {}, options: ConfigOptions = {}): Promise<FastifyInstance> {
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(config, { env, ...options })
  return app
}

/** The message that ends the start. */
async function fault (t: Test, env: NodeJS.ProcessEnv, options: ConfigOptions = {}): Promise<string> {
  const message = await build(t, env, options).then(() => 'started', (error: Error) => error.message)
  t.notMatch(message, /\n/, 'one line')
  return message
}

const acme = {
  name: 'acme',
  baseUrl: 'https://api.acme.example/v1',
  auth: { header: 'authorization', scheme: 'Bearer' },
  dialects: { 'openai-chat': { path: '/chat/completions' } }
}

t.test('defaults', async (t) => {
  const { config } = await build(t)
  t.match(config, {
    keysFile: 'keys.json',
    host: '127.0.0.1',
    port: 8080,
    maxRequestsPerHour: 100,
    tlsCertFile: undefined,
    shutdownTimeout: 30_000,
    requestTimeout: 30_000,
    maxBodySize: 32 * 2 ** 20,
    redisUrl: undefined,
    limitsWithoutRedis: undefined,
    replicas: 1,
    logLevel: 'info',
    logFormat: process.stdout.isTTY ? 'pretty' : 'json',
    logDir: 'logs',
    logBodies: 'full',
    logMaxSize: 100 * 2 ** 20,
    logRetention: 168 * 3600_000,
    logBodyLimit: 2 ** 20
  })
  t.strictSame(config.providers.map(({ name }) => name), ['openai', 'anthropic', 'deepseek'])
  t.strictSame(config.baseUrls, {
    openai: 'https://api.openai.com/v1',
    anthropic: 'https://api.anthropic.com',
    deepseek: 'https://api.deepseek.com'
  })
})

t.test('what is set, and empty as unset', async (t) => {
  const { config } = await build(t, {
    KEYS_FILE: '/keys/k.json',
    GATEWAY_HOST: '::',
    GATEWAY_PORT: '0',
    MAX_REQUESTS_PER_HOUR: 'unlimited',
    REQUEST_TIMEOUT: '0',
    MAX_BODY_SIZE: '1.5KB',
    OPENAI_BASE_URL: 'http://localhost:9000/v1//',
    LOG_LEVEL: '',
    LOG_FORMAT: 'pretty',
    LOG_RETENTION: '8760h',
    PROVIDERS: ' openai , deepseek'
  })
  t.match(config, {
    keysFile: '/keys/k.json',
    host: '::',
    port: 0,
    maxRequestsPerHour: Infinity,
    requestTimeout: 0,
    maxBodySize: 1536,
    logLevel: 'info',
    logFormat: 'pretty',
    logRetention: 8760 * 3600_000
  })
  t.strictSame(config.baseUrls, { openai: 'http://localhost:9000/v1', deepseek: 'https://api.deepseek.com' })
})

t.test('a variable that is no setting and nearly one is told of, without its value', async (t) => {
  const told = async (...names: string[]): Promise<string[]> => {
    const lines: string[] = []
    const app = Fastify({ logger: { level: 'warn', stream: { write: (line: string) => { lines.push(line) } } } })
    t.teardown(() => app.close())
    await app.register(config, { env: Object.fromEntries(names.map((name) => [name, 'sk-secret-0123456789'])) })
    t.notMatch(lines.join(''), /sk-secret/)
    return lines.map((line) => String((JSON.parse(line) as { msg: unknown }).msg))
  }
  for (const [written, meant] of [
    ['MAX_REQUEST_PER_HOUR', 'MAX_REQUESTS_PER_HOUR'], ['MAX_REQUESTS_PER_HUOR', 'MAX_REQUESTS_PER_HOUR'], ['GATEWAY_PROT', 'GATEWAY_PORT'],
    ['LOGS_DIR', 'LOG_DIR'], ['PRICE_FILE', 'PRICES_FILE'], ['ADMIN_KEYS', 'ADMIN_KEY'], ['OPENAI_BASEURL', 'OPENAI_BASE_URL'],
    ['OPENAI_CONECT_TIMEOUT', 'OPENAI_CONNECT_TIMEOUT'], ['OTEL_EXPORTER_OTLP_ENDPONT', 'OTEL_EXPORTER_OTLP_ENDPOINT'],
    ['OPEN_AI_BASE_URL', 'OPENAI_BASE_URL'], ['OPENAL_BASE_URL', 'OPENAI_BASE_URL'], ['OPNEAI_BASE_URL', 'OPENAI_BASE_URL'], ['ANTROPIC_BASE_URL', 'ANTHROPIC_BASE_URL'],
    ['OPENAI_API_BASE', 'OPENAI_BASE_URL'], ['OPENAI_API_BASE_URL', 'OPENAI_BASE_URL'], ['DEEPSEEK_API_URL', 'DEEPSEEK_BASE_URL'], ['OPENAI_URL', 'OPENAI_BASE_URL']
  ] as const) t.strictSame(await told(written), [`${written} is no setting: did you mean ${meant}?`])
  t.strictSame(await told('LOG_DIR', 'NO_PROXY', 'DATA_DIR', 'max_request_per_hour'), [])
  t.strictSame(await told(
    'PATH', 'HOME', 'HOSTNAME', 'LANGUAGE', 'NODE_ENV', 'NODE_OPTIONS', 'HTTP_PROXY', 'ALL_PROXY', 'FTP_PROXY', 'SSL_CERT_FILE', 'SSL_CERT_DIR',
    'OPENAI_KEY', 'OPENAI_API_KEY', 'GROK_BASE_URL', 'OPENAPI_BASE_URL', 'AZURE_OPENAI_BASE_URL', 'GROQ_API_BASE', 'GROQ_REQUEST_TIMEOUT', 'REDIS_HOST', 'REDIS_PORT', 'DATABASE_HOST',
    'GATEWAY_SERVICE_HOST', 'GATEWAY_PORT_8080_TCP', 'LOGNAME', 'XDG_DATA_DIRS', 'OTEL_BLRP_SCHEDULE_DELAY', 'OTEL_BLRP_MAX_QUEUE_SIZE',
    'OTEL_METRICS_EXPORTER', 'OTEL_EXPORTER_OTLP_TIMEOUT', 'OTEL_EXPORTER_OTLP_LOGS_ENDPOINT', 'OTEL_EXPORTER_OTLP_METRICS_HEADERS'
  ), [], 'others are of other programs')
  t.strictSame(misspelt(['OPENAI_BASE_URL', 'OPENAI2_BASE_URL'], { OPENAI2_BASE_URL: 'x' }), [], 'a provider that a plugin brings')
  t.strictSame(misspelt(['OPENAI_BASE_URL'], { OPENAI_BASE_URL: 'x', OPEN_AI_BASE_URL: 'x', OPENAI_API_BASE: 'x' }), [], 'the right one is set')
  t.strictSame(misspelt(['XAI_BASE_URL'], { ZAI_BASE_URL: 'x' }), [], 'short names are of two providers')
  t.strictSame(misspelt(['LOG_LEVEL'], { LOG_LEVELS: '' }), [], 'an empty one is not set')
})

t.test('PORT, which is no setting, is told of where it would be another port', async (t) => {
  const told = async (env: Record<string, string>): Promise<string[]> => {
    const lines: string[] = []
    const app = Fastify({ logger: { level: 'info', stream: { write: (line: string) => { lines.push(line) } } } })
    t.teardown(() => app.close())
    await app.register(config, { env })
    return lines.map((line) => { const { level, msg } = JSON.parse(line) as { level: number, msg: string }; return `${level} ${msg}` })
  }
  t.strictSame(await told({ PORT: '10000' }), ['30 PORT is no setting: the port is GATEWAY_PORT, which is not set and so 8080'])
  t.strictSame(await told({ PORT: '8080' }), [])
  t.strictSame(await told({ PORT: '10000', GATEWAY_PORT: '10000' }), [])
  t.strictSame(await told({ PORT: '', HOST: 'machine' }), [])
})

t.test('settings without providers', async (t) => {
  t.match(readSettings({ GATEWAY_PORT: '9', PROVIDERS: 'no-such-thing' }), { port: 9, logFormat: process.stdout.isTTY ? 'pretty' : 'json' })
  t.throws(() => readSettings({ LOG_FORMAT: 'xml' }), { message: 'LOG_FORMAT: "xml" is none of auto, pretty, json; for example LOG_FORMAT=json' })
})

t.test('wrong values', async (t) => {
  for (const [name, value, message] of [
    ['GATEWAY_HOST', 'http://x', 'GATEWAY_HOST: "http://x" is not an IP address or host name; for example GATEWAY_HOST=0.0.0.0'],
    ['GATEWAY_PORT', '65536', 'GATEWAY_PORT: "65536" is not a port from 0 to 65535; for example GATEWAY_PORT=8080'],
    ['GATEWAY_PORT', '80 80', 'GATEWAY_PORT: "80 80" is not a port from 0 to 65535; for example GATEWAY_PORT=8080'],
    ['SHUTDOWN_TIMEOUT', '25h', 'SHUTDOWN_TIMEOUT: "25h" is longer than 24h; for example SHUTDOWN_TIMEOUT=30s'],
    ['SHUTDOWN_TIMEOUT', '-1s', 'SHUTDOWN_TIMEOUT: "-1s" is negative; for example SHUTDOWN_TIMEOUT=30s'],
    ['MAX_REQUESTS_PER_HOUR', '-1', 'MAX_REQUESTS_PER_HOUR: "-1" is neither a whole number from 0 nor "unlimited"; for example MAX_REQUESTS_PER_HOUR=1000'],
    ['MAX_REQUESTS_PER_HOUR', '1.5', 'MAX_REQUESTS_PER_HOUR: "1.5" is neither a whole number from 0 nor "unlimited"; for example MAX_REQUESTS_PER_HOUR=1000'],
    ['REQUEST_TIMEOUT', '30', 'REQUEST_TIMEOUT: "30" has no unit (ns, us, ms, s, m, h); for example REQUEST_TIMEOUT=30s'],
    ['REQUEST_TIMEOUT', '-5s', 'REQUEST_TIMEOUT: "-5s" is negative; for example REQUEST_TIMEOUT=30s'],
    ['REQUEST_TIMEOUT', '1d\n', 'REQUEST_TIMEOUT: "1d\\n" is not a duration in Go\'s syntax; for example REQUEST_TIMEOUT=30s'],
    ['REQUEST_TIMEOUT', '597h', 'REQUEST_TIMEOUT: "597h" is longer than 596h, the longest a timer can wait (0 means no limit); for example REQUEST_TIMEOUT=30s'],
    ['MAX_BODY_SIZE', '32', 'MAX_BODY_SIZE: "32" has no unit (B, KB, MB, GB); for example MAX_BODY_SIZE=32MB'],
    ['MAX_BODY_SIZE', '32MiB', 'MAX_BODY_SIZE: "32MiB" has an unknown unit (known: B, KB, MB, GB); for example MAX_BODY_SIZE=32MB'],
    ['LOG_LEVEL', 'loud', 'LOG_LEVEL: "loud" is none of fatal, error, warn, info, debug, trace, silent; for example LOG_LEVEL=info'],
    ['LOG_BODIES', 'none', 'LOG_BODIES: "none" is none of full, metadata, off; for example LOG_BODIES=metadata'],
    ['LOG_RETENTION', 'week', 'LOG_RETENTION: "week" is not a duration in Go\'s syntax; for example LOG_RETENTION=168h'],
    ['REDIS_URL', 'localhost:6379', 'REDIS_URL is not a URL of the form redis://HOST:PORT/NUMBER or rediss://…; for example REDIS_URL=redis://localhost:6379/0'],
    ['REDIS_URL', 'http://:hunter2@x', 'REDIS_URL is not a URL of the form redis://HOST:PORT/NUMBER or rediss://…; for example REDIS_URL=redis://localhost:6379/0'],
    ['LIMITS_WITHOUT_REDIS', 'allow', 'LIMITS_WITHOUT_REDIS: "allow" is none of deny, local; for example LIMITS_WITHOUT_REDIS=local'],
    ['REPLICAS', '0', 'REPLICAS: "0" is not a whole number from 1 to 99999; for example REPLICAS=3'],
    ['DATABASE_URL', 'mysql://me:hunter2@x/db', 'DATABASE_URL is not a URL of the form postgres://USER:PASSWORD@HOST:PORT/DATABASE; for example DATABASE_URL=postgres://gateway:secret@db.internal:5432/gateway'],
    ['DATABASE_URL', 'postgres://me:hunter%2@x/db', 'DATABASE_URL has a "%" in its user name or password that is none: write %25; for example DATABASE_URL=postgres://gateway:secret@db.internal:5432/gateway'],
    ['DATABASE_URL', 'postgres://me:hunter2@x/db?sslmode=on', 'DATABASE_URL has an sslmode that is none of disable, allow, prefer, require, verify-ca, verify-full; for example DATABASE_URL=postgres://gateway:secret@db.internal:5432/gateway'],
    ['OPENAI_REQUEST_TIMEOUT', '90', 'OPENAI_REQUEST_TIMEOUT: "90" has no unit (ns, us, ms, s, m, h); for example OPENAI_REQUEST_TIMEOUT=90s'],
    ['https_proxy', 'socks5://me:hunter2@x', 'https_proxy is not a URL of the form http://HOST:PORT or http://USER:PASSWORD@HOST:PORT; for example https_proxy=http://user:password@proxy.internal:3128'],
    ['OPENAI_BASE_URL', 'localhost:9000', 'OPENAI_BASE_URL is not an https or http URL; for example OPENAI_BASE_URL=https://api.openai.com/v1'],
    ['OPENAI_BASE_URL', 'api.openai.com', 'OPENAI_BASE_URL is not a URL; for example OPENAI_BASE_URL=https://api.openai.com/v1'],
    ['OPENAI_BASE_URL', 'https://x/v1?a=hunter2', 'OPENAI_BASE_URL has a query or fragment: paths are appended to it; for example OPENAI_BASE_URL=https://api.openai.com/v1'],
    ['OPENAI_BASE_URL', 'https://me:hunter2@x/v1', 'OPENAI_BASE_URL has a user name or password in it: real keys belong in the keys file; for example OPENAI_BASE_URL=https://api.openai.com/v1']
  ] as const) t.equal(await fault(t, { [name]: value }), message)
})

t.test('durations, as Go reads them', async (t) => {
  for (const [text, milliseconds] of [
    ['0', 0], ['+0', 0], ['0s', 0], ['30s', 30e3], ['1m', 60e3], ['500ms', 500], ['1.5h', 5400e3], ['.5s', 500], ['5.s', 5e3],
    ['1h30m', 5400e3], ['2h45m30.5s', 9930500], ['100us', 0.1], ['1µs', 0.001], ['1μs', 0.001], ['7ns', 7e-6], ['+5s', 5e3],
    ['-1m', -60e3], ['1m1m', 120e3]
  ] as const) t.equal(parseDuration(text), milliseconds, text)
  for (const text of ['', '10', '-', '1d', '30 s', '1h 30m', 's', '.s', '1.2.3s', '--1s', '1S', '1h30', 'abc', 'Infinity', '1e3s', '2562048h']) {
    t.throws(() => parseDuration(text), { message: /^(is|has) / }, JSON.stringify(text))
  }
  t.throws(() => parsePeriod('-1ns'), { message: 'is negative' })
  t.equal(parseTimeout('100us'), 1, 'never rounded down to "no limit"')
  t.equal(parseTimeout('596h'), 596 * 3600e3)
})

t.test('sizes', async (t) => {
  for (const [text, bytes] of [['1B', 1], ['1KB', 1024], ['32MB', 32 * 2 ** 20], ['2GB', 2 ** 31], ['0.5KB', 512]] as const) {
    t.equal(parseSize(text), bytes, text)
  }
  for (const text of ['', '1', '0MB', '-1MB', '1mb', '1 MB', '1TB', '1constructor', 'MB', '9999999999GB']) {
    t.throws(() => parseSize(text), { message: /^(is|has) / }, JSON.stringify(text))
  }
})

t.test('base URLs that are the gateway itself', async (t) => {
  const [address] = Object.values(networkInterfaces()).flatMap((list) => list ?? []).filter(({ internal, family }) => !internal && family === 'IPv4')
  for (const [url, host, port, own] of [
    ['http://localhost:8080/v1', '127.0.0.1', 8080, true],
    ['https://LOCALHOST.:8080', '127.0.0.1', 8080, true],
    ['http://app.localhost:8080', 'localhost', 8080, true],
    ['http://127.1.2.3:8080', '127.0.0.1', 8080, true],
    ['http://[::1]:8080', '127.0.0.1', 8080, true],
    ['http://[::ffff:127.0.0.1]:8080', '127.0.0.1', 8080, true],
    ['http://0.0.0.0:8080', '127.0.0.1', 8080, true],
    ['http://127.0.0.1', '0.0.0.0', 80, true],
    ['https://127.0.0.1', '::', 443, true],
    [`http://${hostname().toUpperCase()}:8080`, '0.0.0.0', 8080, true],
    [`http://${address?.address ?? '127.0.0.1'}:8080`, '::', 8080, true],
    ['http://gateway.internal:8080', 'gateway.internal', 8080, true],
    ['http://10.1.2.3:8080', '10.1.2.3', 8080, true],
    ['http://localhost:8081', '127.0.0.1', 8080, false],
    ['http://127.0.0.1', '127.0.0.1', 8080, false],
    ['http://localhost:8080', '10.1.2.3', 8080, false],
    ['http://192.0.2.1:8080', '0.0.0.0', 8080, false],
    ['http://localhost:8080', '127.0.0.1', 0, false],
    ['http://localhost.example.com:8080', '127.0.0.1', 8080, false]
  ] as const) t.equal(pointsAtGateway(parseBaseUrl(url), host, port), own, `${url} at ${host}:${port}`)

  const message = await fault(t, { ANTHROPIC_BASE_URL: 'http://localhost:8080' })
  t.match(message, /^ANTHROPIC_BASE_URL is the address of this gateway itself\. Apps set ANTHROPIC_BASE_URL/)
  t.match(message, /ANTHROPIC_BASE_URL=https:\/\/api\.anthropic\.com$/)
  t.equal((await build(t, { ANTHROPIC_BASE_URL: 'http://localhost:8080', PROVIDERS: 'openai' })).config.baseUrls.anthropic, undefined)
})

t.test('providers', async (t) => {
  const cwd = process.cwd()
  const dir = t.testdir({
    'acme.ts': `export default ${JSON.stringify({ ...acme, name: 'by-path' })} satisfies object`,
    'empty.js': 'export const name = 1',
    'broken.js': 'throw new Error("not today\\nnor tomorrow")',
    'wrong.js': `export default ${JSON.stringify({ ...acme, price: 1 })}`,
    'header.js': `export default ${JSON.stringify({ ...acme, auth: { header: 'no colon:' } })}`,
    'url.js': `export default ${JSON.stringify({ ...acme, baseUrl: 'https://u:hunter2@x' })}`,
    folders: {
      main: { 'package.json': '{"name": "m", "type": "module", "main": "lib"}', lib: { 'index.js': `export default ${JSON.stringify({ ...acme, name: 'by-main' })}` } },
      exports: { 'package.json': '{"name": "e", "type": "module", "exports": {".": {"import": "./e.js"}}}', 'e.js': `export default ${JSON.stringify({ ...acme, name: 'by-exports' })}` },
      plain: { 'index.js': `export default ${JSON.stringify({ ...acme, name: 'by-index' })}` },
      empty: {},
      lost: { 'package.json': '{"name": "l", "exports": "./none.js"}' }
    }
  })
  const pack = join(dir, 'node_modules', '@acme', 'provider')
  mkdirSync(pack, { recursive: true })
  // Found by ES modules only: `require` would not see it.
  writeFileSync(join(pack, 'package.json'), JSON.stringify({ name: '@acme/provider', type: 'module', exports: { '.': { import: './index.js' } } }))
  writeFileSync(join(pack, 'index.js'), `export default ${JSON.stringify(acme)}`)
  const needy = join(dir, 'node_modules', 'needy')
  mkdirSync(needy)
  writeFileSync(join(needy, 'package.json'), JSON.stringify({ name: 'needy', type: 'module', exports: './index.js' }))
  writeFileSync(join(needy, 'index.js'), 'import "not-there"')
  process.chdir(dir)
  t.teardown(() => process.chdir(cwd))

  const { config } = await build(t, {
    PROVIDERS: '@acme/provider, ./acme.ts, compatible:open-router',
    OPEN_ROUTER_BASE_URL: 'https://openrouter.ai/api/v1/',
    ACME_BASE_URL: 'http://acme.internal'
  }, { providers: [{ ...acme, name: 'embedded' }] })
  t.strictSame(config.providers.map(({ name }) => name), ['acme', 'by-path', 'open-router', 'embedded'])
  t.strictSame(config.baseUrls, {
    acme: 'http://acme.internal',
    'by-path': 'https://api.acme.example/v1',
    'open-router': 'https://openrouter.ai/api/v1',
    embedded: 'https://api.acme.example/v1'
  })
  t.strictSame((await build(t, { PROVIDERS: join(dir, 'acme.ts') })).config.providers.map(({ name }) => name), ['by-path'])
  t.strictSame((await build(t, { PROVIDERS: 'acme.ts' })).config.providers.map(({ name }) => name), ['by-path'])
  const folders = (await build(t, { PROVIDERS: './folders/main,folders/exports,./folders/plain/' })).config.providers
  t.strictSame(folders.map(({ name }) => name), ['by-main', 'by-exports', 'by-index'])

  for (const [entry, message] of [
    ['./folders/empty', /^PROVIDERS entry "\.\/folders\/empty": \/.*empty is a folder, and neither its package\.json nor an index\.js says what to load; name the file in it, such as \/.*empty\/index\.js$/],
    ['./folders/lost', /^PROVIDERS entry "\.\/folders\/lost": it failed to load: Cannot find module '.*none\.js'/],
    ['.', /^PROVIDERS entry "\.": .* is a folder, /],
    ['openai,', /^PROVIDERS has an empty entry; for example PROVIDERS=openai,anthropic$/],
    ['opnai', /^PROVIDERS entry "opnai": it is no built-in provider \(openai, anthropic, deepseek, simulator\), and no package of that name is installed in /],
    ['needy', /^PROVIDERS entry "needy": it failed to load: Cannot find package 'not-there'/],
    ['data:text/javascript,0', /^PROVIDERS entry "data:text\/javascript": it is no built-in provider .*, package name, or path such as \.\/provider\.js$/],
    ['./none.js', /^PROVIDERS entry "\.\/none\.js": no file \/.*none\.js$/],
    ['./empty.js', /^PROVIDERS entry "\.\/empty\.js": it has no default export; it must export a provider by default$/],
    ['./broken.js', /^PROVIDERS entry "\.\/broken\.js": it failed to load: not today$/],
    ['./wrong.js', /^PROVIDERS entry "\.\/wrong\.js": not a provider: its default export must NOT have additional properties \("price"\)$/],
    ['./header.js', /^PROVIDERS entry "\.\/header\.js": not a provider: a header's name or value cannot be sent$/],
    ['./url.js', /^PROVIDERS entry "\.\/url\.js": not a provider: \/baseUrl has a user name or password in it/],
    ['compatible:Groq', /^PROVIDERS entry "compatible:Groq": the name must be lower-case letters, digits and "-"; for example compatible:groq$/],
    ['compatible:groq', /^GROQ_BASE_URL is not set, and a provider of PROVIDERS needs it; for example GROQ_BASE_URL=https:\/\/api\.example\.com\/v1$/],
    ['openai,compatible:openai', /^PROVIDERS entry "compatible:openai": a provider named "openai" is already loaded by PROVIDERS entry "openai"$/]
  ] as const) {
    const text = await fault(t, { PROVIDERS: entry })
    t.match(text, message)
    t.notMatch(text, /hunter2/)
  }
  t.match(await fault(t, {}, { providers: [{ ...acme, name: 'openai' }] }), /^the option "providers": a provider named "openai" is already loaded/)
})
