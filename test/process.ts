import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { CHAT_KEY, REAL_KEY, until, type Teardown } from './helper.ts'

const SERVER = fileURLToPath(new URL('../server.ts', import.meta.url))

export interface Running { child: ChildProcess, url: string, folder: string, keysFile: string, output: () => string, ended: Promise<number | null> }

export function keysOf (...keys: string[]): string {
  return JSON.stringify({ virtual_keys: Object.fromEntries(keys.map((key) => [key, { provider: 'openai', api_key: REAL_KEY }])) })
}

export interface Surroundings {
  /** Shell commands that come first, such as a `ulimit`: the process inherits what they set. */
  first?: string
  /** What the shell runs in, such as namespaces of its own. */
  within?: string[]
  /** Node's own options. */
  node?: string[]
}

/** A module for `--import`, which runs some code whenever the process gets SIGPWR: the gateway itself has a use for most others. */
export function onSignal (code: string, once = ''): string {
  return `data:text/javascript,${encodeURIComponent(`${once}; process.on('SIGPWR', () => { ${code} })`)}`
}

/** The real process, with its settings and nothing of ours. */
export function run (t: Teardown, env: Record<string, string>, keys = keysOf(CHAT_KEY), { first, within = [], node = [] }: Surroundings = {}): Omit<Running, 'url'> {
  const folder = mkdtempSync(join(tmpdir(), 'llm-gateway-process-'))
  const keysFile = join(folder, 'keys.json')
  writeFileSync(keysFile, keys, { mode: 0o600 })
  const command = [...within, ...first === undefined ? [] : ['sh', '-c', `${first}; exec "$@"`, 'sh'], process.execPath, ...node, SERVER]
  const child = spawn(command[0]!, command.slice(1), {
    cwd: folder,
    env: { PATH: process.env['PATH'], KEYS_FILE: keysFile, GATEWAY_PORT: '0', LOG_FORMAT: 'json', ...env },
    stdio: ['ignore', 'pipe', 'pipe']
  })
  let output = ''
  child.stdout.on('data', (data) => { output += data })
  child.stderr.on('data', (data) => { output += data })
  const ended = once(child, 'close').then(([code]) => code as number | null)
  t.teardown(async () => {
    child.kill('SIGKILL')
    await ended
    rmSync(folder, { recursive: true, force: true })
  })
  return { child, folder, keysFile, output: () => output, ended }
}

/** The same, once it listens. */
export async function start (t: Teardown, provider: string, env: Record<string, string> = {}, keys?: string, surroundings?: Surroundings): Promise<Running> {
  const running = run(t, { OPENAI_BASE_URL: `${provider}/v1`, ANTHROPIC_BASE_URL: provider, DEEPSEEK_BASE_URL: provider, ...env }, keys, surroundings)
  await until(() => /listening at (https?:[^"]+)/.test(running.output()) || running.child.exitCode !== null)
  const [, url = ''] = /listening at (https?:[^"]+)/.exec(running.output()) ?? []
  if (url === '') throw new Error(running.output())
  return { ...running, url }
}
