/**
 * `npm run demo`: the gateway beside a simulated provider, with virtual keys to try it, until Ctrl-C. Keys, logs and
 * data lie in a temporary folder that is removed at the end; nothing of the project or of the shell's settings is used.
 *
 *     npm run demo                          serves until Ctrl-C
 *     npm run demo -- --once                ends after the first conversations; exit code 0 where they went well
 *     npm run demo -- --exec "COMMAND"      runs a command against the gateway, ends with its exit code. It finds
 *                                           GATEWAY_URL, KEYS_FILE, OPENAI_BASE_URL and OPENAI_API_KEY set.
 *     npm run demo -- --port 9000           this port; otherwise 8080, or a free one where 8080 is taken
 */
import '../runtime.ts'
import { randomBytes } from 'node:crypto'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { isatty } from 'node:tty'
import { fileURLToPath } from 'node:url'
import { parseArgs, stripVTControlCharacters } from 'node:util'
import { SseReader } from '../providers/dialects/sse.ts'
import { startSimulator, type Simulator } from '../providers/simulator/server.ts'

const USAGE = `usage: ${process.argv[2] === 'demo' ? 'llm-gateway demo' : 'npm run demo --'} [--once] [--exec "COMMAND"] [--port PORT]

  --once              end after the first conversations; exit code 0 where they went well
  --exec "COMMAND"    run a command against the gateway, and end with its exit code. It finds GATEWAY_URL, KEYS_FILE,
                      OPENAI_BASE_URL and OPENAI_API_KEY set
  --port PORT         this port; otherwise 8080, or a free one where 8080 is taken
`

const PORT = 8080
const QUESTION = 'Who are you?'
/** Milliseconds. */
const START_TIME = 30_000
const LOG_TIME = 5000
const STOP_TIME = 5000
const ORPHAN_LOOK = 250
/** How much of the gateway's output is kept to explain its end. */
const KEPT_OUTPUT = 64 * 1024

/** What of the shell's environment the gateway gets: what a process needs to run, and no setting of any program. */
const INHERITED = ['PATH', 'HOME', 'LANG', 'LC_ALL', 'TZ', 'TMPDIR', 'TEMP', 'TMP', 'SystemRoot', 'USERPROFILE', 'NO_COLOR', 'FORCE_COLOR', 'NODE_V8_COVERAGE', 'NODE_COMPILE_CACHE']

interface DemoKey { name: string, token: string, remark: string, entry: Record<string, unknown> }

const demoKey = (name: string, remark: string, more: Record<string, unknown> = {}): DemoKey => ({
  name,
  token: `vk_${name.replace('demo-', '')}_${randomBytes(24).toString('base64url')}`,
  remark,
  entry: { provider: 'simulator', api_key: `sim-${randomBytes(24).toString('base64url')}`, name, ...more }
})

const KEYS = [
  demoKey('demo-chat', 'bytes pass untouched'),
  demoKey('demo-messages', 'translated to Messages and back', { upstream_dialects: ['anthropic-messages'] })
] as const

const options = readOptions()
/** Whether the command of `--exec` is a group of its own, so that all it started ends with it. One at a terminal must share ours to be typed to. */
const ownGroup = process.platform !== 'win32' && !isatty(0)
const folder = mkdtempSync(join(tmpdir(), 'llm-gateway-demo-'))
const keysFile = join(folder, 'keys.json')
const logDir = join(folder, 'logs')
let simulator: Simulator | undefined
let gateway: ChildProcess | undefined
let command: ChildProcess | undefined
let output = ''
let follow = false
let stopping = false

process.on('exit', () => {
  gateway?.kill('SIGKILL')
  tellCommand('SIGKILL')
  rmSync(folder, { recursive: true, force: true })
})
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    if (stopping) process.exit(130)
    // A terminal has told the command of its Ctrl-C itself.
    if (signal !== 'SIGINT' || ownGroup) tellCommand(signal)
    void stop(0)
  })
}
// npm passes a SIGTERM to the shell between them only, which ends and tells nobody.
if (process.env['npm_lifecycle_event'] !== undefined) {
  const shell = process.ppid
  setInterval(() => {
    if (stopping || process.ppid === shell) return
    tellCommand('SIGTERM')
    void stop(0)
  }, ORPHAN_LOOK).unref()
}

try {
  const code = await demo()
  // Else it ended because all of this does.
  if (!stopping) await stop(code)
} catch (error) {
  if (!stopping) {
    console.error(`\nThe demo failed: ${error instanceof Error ? error.message : String(error)}`)
    if (!follow && output !== '') console.error(`\nThe gateway said:\n\n${indent(output.trimEnd())}`)
    await stop(1)
  }
}

/** Resolves to the exit code; with neither `--once` nor `--exec` only the gateway's end or a signal ends it. */
async function demo (): Promise<number> {
  writeFileSync(keysFile, JSON.stringify({ virtual_keys: Object.fromEntries(KEYS.map(({ token, entry }) => [token, entry])) }, null, 2), { mode: 0o600 })
  simulator = await startSimulator()
  const ended = startGateway(simulator.url, options.port ?? PORT)
  // The same for all that follows: whatever is being waited for, the gateway's end ends it.
  return await Promise.race([ended, converse(simulator.url)])
}

async function converse (simulatorUrl: string): Promise<number> {
  const url = await address()
  console.log('\nllm-gateway demo\n')
  row('gateway', `${url}${options.port === undefined && !url.endsWith(`:${PORT}`) ? `   (${PORT} is taken)` : ''}`)
  row('simulator', `${simulatorUrl}   (stands in for a provider)`)
  row('folder', `${folder}   (keys, logs and data; removed at the end)`)

  console.log('\nA first conversation with each key, streamed through the gateway\n')
  const mark = output.length
  const ids: string[] = []
  for (const { name, token } of KEYS) {
    row(name, `${QUESTION}\n${' '.repeat(17)}`, '')
    ids.push(await talk(url, token))
  }

  console.log('\nThe log lines they caused\n')
  await until(LOG_TIME, () => ids.every(id => output.indexOf(id, mark) !== -1) && output.endsWith('\n'), 'the gateway wrote no log line.')
  console.log(indent(output.slice(mark).trimEnd()))
  const capture = await captureFile()
  // What follows is of use while the gateway and its folder are there.
  if (options.once && options.exec === undefined) return 0
  console.log(`\n  The full exchange is in ${join(logDir, capture)}`)

  console.log('\nVirtual keys\n')
  for (const { name, token, remark } of KEYS) row(name, `${token}   ${remark}`)

  const [{ token }] = KEYS
  console.log('\nTry it\n')
  console.log(indent(`curl -N ${url}/v1/chat/completions \\
  -H 'authorization: Bearer ${token}' \\
  -H 'content-type: application/json' \\
  -d '{"model":"sim-small","stream":true,"messages":[{"role":"user","content":"${QUESTION}"}]}'

An SDK, or any app that reads these:

export OPENAI_BASE_URL=${url}/v1
export OPENAI_API_KEY=${token}`))

  if (options.exec !== undefined) return await execute(options.exec, url)
  console.log('\nServing until Ctrl-C; log lines follow.\n')
  follow = true
  return await new Promise(() => {})
}

/** One streamed conversation, its words printed as they come. Resolves to the request's id. */
async function talk (url: string, token: string): Promise<string> {
  const reply = await fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'sim-small', stream: true, messages: [{ role: 'user', content: QUESTION }] })
  })
  if (!reply.ok || reply.body === null) throw new Error(`the gateway answered ${reply.status}: ${await reply.text()}`)
  const events = new SseReader(2 ** 20)
  let text = ''
  let finish: string | null = null
  for await (const bytes of reply.body) {
    for (const { data } of events.push(Buffer.from(bytes))) {
      if (data === '[DONE]') continue
      const chunk: Chunk = JSON.parse(data)
      if (chunk.error !== undefined) throw new Error(`the stream ended in an error: ${chunk.error.message}`)
      text += chunk.choices?.[0]?.delta.content ?? ''
      finish = chunk.choices?.[0]?.finish_reason ?? finish
      process.stdout.write(chunk.choices?.[0]?.delta.content ?? '')
    }
  }
  process.stdout.write('\n')
  if (finish !== 'stop' || text === '') throw new Error(`the stream did not end well: finish ${finish}.`)
  return reply.headers.get('x-request-id') ?? ''
}

interface Chunk {
  choices?: Array<{ delta: { content?: string | null }, finish_reason: string | null }>
  error?: { message: string }
}

/** Rejects when the gateway ends. Where nobody asked for the port, and it is taken, another one starts at a free port. */
function startGateway (simulatorUrl: string, port: number): Promise<never> {
  // Unbuilt it is a .ts file, built a .js file, and so is this one.
  const server = fileURLToPath(new URL(import.meta.filename.endsWith('.ts') ? '../server.ts' : '../server.js', import.meta.url))
  const inherited = Object.fromEntries(INHERITED.flatMap(name => process.env[name] === undefined ? [] : [[name, process.env[name]]]))
  const child = spawn(process.execPath, [...process.execArgv, server], {
    // There it can touch no keys.json, .env or logs of the project's.
    cwd: folder,
    // A group of its own: Ctrl-C reaches it once, through the demo.
    detached: process.platform !== 'win32',
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      // Its output goes to a pipe, and by it to a terminal.
      ...(process.stdout.isTTY && process.env['NO_COLOR'] === undefined && { FORCE_COLOR: '1' }),
      ...inherited,
      KEYS_FILE: keysFile,
      GATEWAY_HOST: '127.0.0.1',
      GATEWAY_PORT: String(port),
      PROVIDERS: 'simulator',
      SIMULATOR_BASE_URL: simulatorUrl,
      LOG_DIR: logDir,
      LOG_FORMAT: 'pretty',
      DATA_DIR: join(folder, 'data')
    }
  })
  gateway = child
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      if (follow) process.stdout.write(text)
      else output += text
      if (output.length > KEPT_OUTPUT) output = output.slice(-KEPT_OUTPUT)
    })
  }
  return new Promise((_resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => {
      if (options.port === undefined && port === PORT && !stopping && output.includes('EADDRINUSE')) {
        output = ''
        startGateway(simulatorUrl, 0).catch(reject)
      } else reject(new Error(`the gateway ended (${signal ?? `exit code ${code}`}).`))
    })
  })
}

/** Where the gateway says it listens: whatever answers at a port might be another one. */
async function address (): Promise<string> {
  const said = (): string | undefined => /listening at (http:\S+)/.exec(stripVTControlCharacters(output))?.[1]
  await until(START_TIME, () => said() !== undefined, 'the gateway did not start in time.')
  return said() ?? ''
}

async function captureFile (): Promise<string> {
  const files = (): string[] => { try { return readdirSync(logDir) } catch { return [] } }
  await until(LOG_TIME, () => files().length > 0, `nothing was written to ${logDir}.`)
  return files().sort().at(-1) ?? ''
}

async function until (time: number, test: () => boolean | Promise<boolean>, message: string): Promise<void> {
  for (const deadline = performance.now() + time; !await test(); await sleep(25)) {
    if (performance.now() > deadline || stopping) throw new Error(message)
  }
}

async function execute (line: string, url: string): Promise<number> {
  console.log(`\n$ ${line}\n`)
  const env = { ...process.env, GATEWAY_URL: url, KEYS_FILE: keysFile, OPENAI_BASE_URL: `${url}/v1`, OPENAI_API_KEY: KEYS[0].token }
  command = spawn(line, { shell: true, stdio: 'inherit', env, detached: ownGroup })
  const [code] = await once(command, 'close')
  return typeof code === 'number' ? code : 1
}

function isRunning (child: ChildProcess | undefined): child is ChildProcess & { pid: number } {
  return child?.pid !== undefined && child.exitCode === null && child.signalCode === null
}

/** With all that it started, where those are a group of their own. */
function tellCommand (signal: NodeJS.Signals): void {
  if (!isRunning(command)) return
  if (ownGroup) process.kill(-command.pid, signal)
  else command.kill(signal)
}

async function stop (code: number): Promise<never> {
  stopping = true
  const ends = [gateway, command].filter(isRunning).map(child => once(child, 'exit'))
  gateway?.kill('SIGTERM')
  await Promise.race([Promise.all(ends), sleep(STOP_TIME)])
  await simulator?.close()
  process.exit(code)
}

function readOptions (): { once: boolean, exec?: string, port?: number } {
  try {
    // As a command of `llm-gateway` it follows that command's name.
    const args = process.argv.slice(process.argv[2] === 'demo' ? 3 : 2)
    const { values } = parseArgs({ args, options: { once: { type: 'boolean', default: false }, exec: { type: 'string' }, port: { type: 'string' }, help: { type: 'boolean', short: 'h' } } })
    const { port, help, ...rest } = values
    if (help === true) {
      console.log(USAGE)
      process.exit()
    }
    if (port === undefined) return rest
    if (!/^\d{1,5}$/.test(port)) throw new Error(`--port must be a number, and is ${port}.`)
    return { ...rest, port: Number(port) }
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`)
    process.exit(2)
  }
}

function row (name: string, text: string, end = '\n'): void {
  process.stdout.write(`  ${name.padEnd(15)}${text}${end}`)
}

function indent (text: string): string {
  return text.replaceAll(/^(?=.)/gm, '  ')
}
