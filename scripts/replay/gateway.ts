import { spawn, type ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

/** A gateway process as it runs in production, but for where its providers are. */
export interface Gateway {
  url: string
  virtualKeys: Record<'openai' | 'deepseek' | 'anthropic', string>
  /** What it logged as its own faults, each once. */
  failures: Set<string>
  close (): Promise<void>
}

/** pino's number for `error`. */
const ERROR = 50

/** @throws where it does not start */
export async function startGateway (providerUrl: string, realKey: string): Promise<Gateway> {
  const folder = mkdtempSync(join(tmpdir(), 'llm-gateway-replay-'))
  const virtualKey = (provider: string): string => `vk_${provider}_${randomBytes(24).toString('base64url')}`
  const virtualKeys = { openai: virtualKey('openai'), deepseek: virtualKey('deepseek'), anthropic: virtualKey('anthropic') }
  const keysFile = join(folder, 'keys.json')
  writeFileSync(keysFile, JSON.stringify({
    virtual_keys: Object.fromEntries(Object.entries(virtualKeys).map(([provider, key]) => [key, { provider, api_key: realKey }]))
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
