import { spawn, type ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Api } from './job.ts'

/** The virtual keys: the provider of each and the one dialect in which it is spoken to. */
const keys = {
  'openai (openai-chat)': { provider: 'openai', dialect: 'openai-chat' },
  'openai (openai-responses)': { provider: 'openai', dialect: 'openai-responses' },
  'deepseek (openai-chat)': { provider: 'deepseek', dialect: 'openai-chat' },
  'deepseek (openai-responses)': { provider: 'deepseek', dialect: 'openai-responses' },
  'anthropic (anthropic-messages)': { provider: 'anthropic', dialect: 'anthropic-messages' }
} as const
export type KeyName = keyof typeof keys

/** The key for a recording: what no provider of the gateway's recorded goes to the first that speaks the dialect. */
export function keyFor (provider: string, dialect: Api): KeyName {
  const names = (Object.keys(keys) as KeyName[]).filter((name) => keys[name].dialect === dialect)
  return names.find((name) => keys[name].provider === provider) ?? names[0] as KeyName
}

/** A gateway process as it runs in production, but for where its providers are. */
export interface Gateway {
  url: string
  virtualKeys: Record<KeyName, string>
  /** What it logged as its own faults, each once. */
  failures: Set<string>
  close (): Promise<void>
}

/** pino's number for `error`. */
const ERROR = 50

/** @throws where it does not start */
export async function startGateway (providerUrl: string, realKey: string): Promise<Gateway> {
  const folder = mkdtempSync(join(tmpdir(), 'llm-gateway-replay-'))
  const virtualKeys = Object.fromEntries(Object.keys(keys).map((name) => [name, `vk_${randomBytes(24).toString('base64url')}`])) as Gateway['virtualKeys']
  const keysFile = join(folder, 'keys.json')
  writeFileSync(keysFile, JSON.stringify({
    virtual_keys: Object.fromEntries(Object.entries(keys).map(([name, { provider, dialect }]) =>
      [virtualKeys[name as KeyName], { provider, api_key: realKey, upstream_dialects: [dialect] }]))
  }), { mode: 0o600 })

  const child = spawn(process.execPath, [fileURLToPath(new URL('../../server.ts', import.meta.url))], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      PATH: process.env['PATH'],
      KEYS_FILE: keysFile,
      GATEWAY_PORT: '0',
      MAX_REQUESTS_PER_HOUR: 'unlimited',
      OPENAI_BASE_URL: `${providerUrl}/v1`,
      DEEPSEEK_BASE_URL: providerUrl,
      ANTHROPIC_BASE_URL: providerUrl,
      LOG_DIR: join(folder, 'logs'),
      DATA_DIR: join(folder, 'data'),
      LOG_FORMAT: 'json'
    }
  })
  const failures = new Set<string>()
  const close = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGTERM')
      await once(child, 'exit')
    }
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    return { url: await listening(child, failures), virtualKeys, failures, close }
  } catch (error) {
    await close()
    throw error
  }
}

/** Reads all the process logs, and resolves to the address it names first. */
function listening (child: ChildProcess, failures: Set<string>): Promise<string> {
  return new Promise((resolve, reject) => {
    child.once('exit', () => reject(new Error('the gateway ended')))
    if (child.stdout === null) return
    createInterface({ input: child.stdout }).on('line', (text) => {
      const line = JSON.parse(text) as { level: number, msg: string }
      const url = /http:\/\/127\.0\.0\.1:\d+/.exec(line.msg)?.[0]
      if (url !== undefined) resolve(url)
      if (line.level >= ERROR) failures.add(line.msg)
    })
  })
}
