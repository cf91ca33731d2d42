/** The real process, in a folder of its own. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const SERVER = fileURLToPath(new URL('../../server.ts', import.meta.url))

export interface Gateway {
  url: string
  pid: number
  output: () => string
  /** @returns its exit code */
  kill (signal: NodeJS.Signals): Promise<number | null>
}

/** Starts it, and waits until it listens. */
export async function startGateway (folder: string, keys: object, env: Record<string, string>): Promise<Gateway> {
  const keysFile = join(folder, 'keys.json')
  writeFileSync(keysFile, JSON.stringify(keys), { mode: 0o600 })
  const child: ChildProcess = spawn(process.execPath, [SERVER], {
    cwd: folder,
    env: { PATH: process.env['PATH'], KEYS_FILE: keysFile, GATEWAY_PORT: '0', LOG_FORMAT: 'json', LOG_BODIES: 'off', LOG_LEVEL: 'info', ...env },
    stdio: ['ignore', 'pipe', 'pipe']
  })
  let output = ''
  const listening = new Promise<string>((resolve, reject) => {
    const hear = (data: Buffer): void => {
      output = (output + data.toString()).slice(-200_000)
      const [, url] = /listening at (http:[^"]+)/.exec(output) ?? []
      if (url !== undefined) resolve(url)
    }
    child.stdout?.on('data', hear)
    child.stderr?.on('data', hear)
    child.once('close', () => reject(new Error(output)))
  })
  const url = await listening
  return {
    url,
    pid: child.pid ?? 0,
    output: () => output,
    async kill (signal) {
      const ended = once(child, 'close')
      child.kill(signal)
      const [code] = await ended as [number | null]
      return code
    }
  }
}
