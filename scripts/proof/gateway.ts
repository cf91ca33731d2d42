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
  /** The end of what it has written. */
  output: () => string
  /** By what it ended, if it has: its code or a signal. */
  ended (): string | undefined
  /** @returns its exit code */
  kill (signal: NodeJS.Signals): Promise<number | null>
}

/** Starts it, and waits until it listens. @param hearing all that it writes, as it comes */
export async function startGateway (folder: string, keys: object, env: Record<string, string>, hearing: (text: string) => void = () => {}): Promise<Gateway> {
  const keysFile = join(folder, 'keys.json')
  writeFileSync(keysFile, JSON.stringify(keys), { mode: 0o600 })
  const child: ChildProcess = spawn(process.execPath, [SERVER], {
    cwd: folder,
    env: { PATH: process.env['PATH'], KEYS_FILE: keysFile, GATEWAY_PORT: '0', LOG_FORMAT: 'json', LOG_BODIES: 'off', LOG_LEVEL: 'info', ...env },
    stdio: ['ignore', 'pipe', 'pipe']
  })
  // Not left behind by a script that fails.
  process.once('exit', () => child.kill('SIGKILL'))
  let output = ''
  const listening = new Promise<string>((resolve, reject) => {
    const hear = (data: Buffer): void => {
      hearing(data.toString('latin1'))
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
    ended: () => child.signalCode ?? child.exitCode?.toString(),
    async kill (signal) {
      const ended = once(child, 'close')
      child.kill(signal)
      const [code] = await ended as [number | null]
      return code
    }
  }
}
