import { execFile, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'

const CLI = fileURLToPath(new URL('../cli.ts', import.meta.url))
const chat = new URL('../providers/dialects/openai-chat/index.ts', import.meta.url).href
const folder = mkdtempSync(join(tmpdir(), 'llm-gateway-cli-'))
t.teardown(() => rmSync(folder, { recursive: true }))
// Processes start in their own time where the machine is busy.
t.setTimeout(120_000)

function cli (...args: string[]): { code: number | null, out: string, error: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [CLI, ...args], { cwd: folder, encoding: 'utf8' })
  return { code: status, out: stdout, error: stderr }
}

function file (name: string, text: string): string {
  writeFileSync(join(folder, name), text)
  return `./${name}`
}

const acme = '{ name: \'acme\', baseUrl: \'https://api.acme.example/v1\', auth: { header: \'authorization\', scheme: \'Bearer\' }, dialects: { \'openai-chat\': { path: \'/chat/completions\' } } }'

t.test('a provider that keeps the laws', async (t) => {
  const { code, out, error } = cli('test-provider', file('acme.mjs', `export default ${acme}`))
  t.equal(code, 0, error)
  const lines = out.trimEnd().split('\n')
  t.equal(lines.pop(), `# ${lines.length} laws, 0 broken`)
  for (const line of lines) t.match(line, /^ok - /)
})

t.test('one that breaks them is told which, in one line each', async (t) => {
  const { code, out } = cli('test-provider', file('broken.mjs', `export default { ...${acme}, baseUrl: 'https://api.acme.example/', dialects: { 'acme-talk': { path: '/' } } }`))
  t.equal(code, 1)
  t.match(out, /^ok - the provider has the shape/m)
  t.match(out, /^not ok - its base URL .*ends with a slash$/m)
  t.match(out, /^not ok - its dialects are known: acme-talk is not a dialect of the gateway/m)
  t.match(out, /, 2 broken\n$/)
})

t.test('its dialects are held to theirs, alone and with those of the gateway', async (t) => {
  const own = file('dialect.mjs', `import { openaiChat } from '${chat}'
    const { translation } = openaiChat
    const encodeRequest = (conversation, target) => ({ ...translation.encodeRequest(conversation, target), lossy: [] })
    const talk = { ...openaiChat, id: 'acme-talk', translation: { ...translation, encodeRequest } }
    export default ${acme}
    export const dialects = [talk]`)
  const { code, out } = cli('test-provider', own)
  t.equal(code, 1)
  t.match(out, /^not ok - acme-talk: nothing of a request is dropped in silence: /m)
  t.match(out, /^ok - acme-talk and anthropic-messages: a request means the same there and back$/m)
  t.match(out, /^ok - anthropic-messages and acme-talk: /m)

  const alone = cli('test-provider', file('alone.mjs', `import { openaiChat } from '${chat}'\nexport default { ...openaiChat, id: 'acme-talk', translation: undefined }`))
  t.equal(alone.code, 0, alone.out)
  t.notMatch(alone.out, /the provider has the shape/)
})

t.test('a built-in one, by name', async (t) => {
  t.equal(cli('test-provider', 'anthropic').code, 0)
})

t.test('a package in a folder, with ./ and without', async (t) => {
  for (const entry of ['examples/provider-acme', './examples/provider-acme']) {
    const { status, stdout, stderr } = spawnSync(process.execPath, [CLI, 'test-provider', entry], { cwd: join(CLI, '..'), encoding: 'utf8' })
    t.equal(status, 0, stderr)
    t.match(stdout, /^# \d+ laws, 0 broken$/m)
  }
})

t.test('where there is nothing to test, one line says why', async (t) => {
  for (const [args, reason] of [
    [[], /^llm-gateway: usage: /],
    [['--all'], /^llm-gateway: usage: /],
    [['./a.js', './b.js'], /^llm-gateway: usage: /],
    [['./none.js'], /^llm-gateway: .*no file/],
    [['no-such-package'], /no package of that name/],
    [[file('empty.mjs', 'export const other = 1')], /exports neither a provider nor a dialect/],
    [[file('throws.mjs', 'throw new Error("not today")')], /failed to load: not today/]
  ] as const) {
    const { code, out, error } = cli('test-provider', ...args)
    t.equal(code, 2, error)
    t.match(error, reason)
    t.equal(error.trimEnd().split('\n').length, 1)
    t.equal(out, '')
  }
})

t.test('health says where it asked, and by which settings', async (t) => {
  const health = async (env: Record<string, string>): Promise<string> => await new Promise((resolve) => {
    execFile(process.execPath, [CLI, 'health'], { env }, (error, out, told) => resolve(`${error?.code} ${out}${told}`))
  })
  const by = 'as GATEWAY_HOST, GATEWAY_PORT and TLS_CERT_FILE say)\n'
  for (const [host, url] of [['127.0.0.1', 'http://127.0.0.1:1'], ['::', 'http://[::1]:1'], ['localhost', 'http://localhost:1']] as const) {
    const told = await health({ GATEWAY_HOST: host, GATEWAY_PORT: '1' })
    t.match(told, /^1 llm-gateway: not healthy: .*E[A-Z]+.* \(asked /)
    t.ok(told.endsWith(` (asked ${url}/health, ${by}`), told)
  }
  t.match(await health({ GATEWAY_PORT: '1', TLS_CERT_FILE: 'cert.pem' }), /\(asked https:\/\/127\.0\.0\.1:1\/health, /)
  const ill = createServer((_request, response) => response.writeHead(503).end()).listen(0, '127.0.0.1')
  t.teardown(() => ill.close())
  await once(ill, 'listening')
  const { port } = ill.address() as AddressInfo
  t.equal(await health({ GATEWAY_PORT: String(port) }), `1 llm-gateway: not healthy: it answers 503 (asked http://127.0.0.1:${port}/health, ${by}`)
})

t.test('the command tells its usage', async (t) => {
  t.match(cli('--help'), { code: 0, out: /test-provider/ })
  t.match(cli('nonsense'), { code: 2, error: /unknown command "nonsense"/ })
})

t.test('the demo is a command of it, too', async (t) => {
  const { code, out, error } = cli('demo', '--once', '--port', '0')
  t.equal(code, 0, error)
  t.match(out, /simulated model/)
})
