/* eslint no-template-curly-in-string: off -- in keys.json, ${NAME} is a reference. */
import { createHash, randomBytes } from 'node:crypto'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Test } from 'tap'
import { until } from '../helper.ts'
import { run, type Running } from '../process.ts'
import { Scanner, type Canary } from './scanner.ts'

/** Every secret of the test, new in each run. The first real key has all that is written differently in some form. */
export class Secrets {
  readonly all: Canary[] = []

  add (name: string, text: string): string {
    this.all.push({ name, text })
    return text
  }

  make (name: string, prefix: string): string {
    return this.add(name, prefix + randomBytes(27).toString('base64url'))
  }
}

export function realKeys (secrets: Secrets): Record<'odd' | 'env' | 'file' | 'first' | 'second', string> {
  return {
    odd: secrets.add('real key in keys.json', `sk-${randomBytes(12).toString('base64')}"/+=\\<%>&${randomBytes(12).toString('base64')}`),
    env: secrets.make('real key of ${ENV}', 'sk-'),
    file: secrets.make('real key of ${file:}', 'sk-'),
    first: secrets.make('real key of the first target', 'sk-'),
    second: secrets.make('real key of the second target', 'sk-')
  }
}

export function hashed (token: string): string {
  return `sha256:${createHash('sha256').update(token).digest('hex')}`
}

/** A provider plugin that does what the test tells it by a signal, and knows secrets by its environment. */
export const PLUGIN = fileURLToPath(new URL('./plugin.js', import.meta.url))

export interface Reply { status: number, text: string }

/** All that has left a gateway, for the scanner. */
export class Evidence {
  readonly #left: Array<{ where: string, bytes: string | Buffer, except: readonly string[] }> = []

  /** @param except names of canaries that may stand there */
  add (where: string, bytes: string | Buffer, except: readonly string[] = []): void {
    this.#left.push({ where, bytes, except })
  }

  /** Every file below a folder. @param except names of files that hold secrets by their nature */
  addFolder (where: string, folder: string, except: readonly string[] = []): string[] {
    const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile() && !except.includes(entry.name))
    for (const { parentPath, name } of files) this.add(`${where}/${name}`, readFileSync(join(parentPath, name)))
    return files.map(({ name }) => name)
  }

  /** Each sort of find once, as a line. */
  find (canaries: Canary[]): string[] {
    const scanner = new Scanner(canaries)
    const finds = this.#left.flatMap(({ where, bytes, except }) => scanner.scan(where, bytes, except))
    return [...new Set(finds.map(({ canary, form, where }) => `${canary}, as ${form}, in ${where}`))]
  }

  text (): string {
    return this.#left.map(({ bytes }) => bytes.toString('latin1')).join('\n')
  }
}

export async function launch (t: Test, env: Record<string, string>, keys: object): Promise<Running> {
  const running = run(t, { LOG_LEVEL: 'trace', LOG_BODIES: 'full', MAX_REQUESTS_PER_HOUR: 'unlimited', RETRIES: '0', GATEWAY_HOST: '127.0.0.1', ...env }, JSON.stringify(keys))
  await until(() => /listening at (https?:[^"]+)/.test(running.output()) || running.child.exitCode !== null)
  const [, url = ''] = /listening at (https?:[^"]+)/.exec(running.output()) ?? []
  if (url === '') throw new Error(running.output())
  return { ...running, url }
}

/** Asks, and keeps the whole answer as evidence. */
export class Client {
  readonly #evidence: Evidence
  readonly #url: string

  constructor (url: string, evidence: Evidence) {
    this.#url = url
    this.#evidence = evidence
  }

  async ask (path: string, { headers = {}, body, method = body === undefined ? 'GET' : 'POST', except = [] }: { headers?: Record<string, string>, body?: unknown, method?: string, except?: readonly string[] }): Promise<Reply> {
    const reply = await fetch(this.#url + path, {
      method,
      redirect: 'manual',
      headers: { 'content-type': 'application/json', ...headers },
      ...body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }
    })
    const text = await reply.text().catch((error: unknown) => String(error))
    const { model } = (body ?? {}) as { model?: unknown }
    this.#evidence.add(`reply to ${method} ${path.slice(0, 40)} ${String(model).slice(0, 20)}`, [...reply.headers].map(([name, value]) => `${name}: ${value}`).join('\n') + `\n\n${text}`, except)
    return { status: reply.status, text }
  }

  /** Sends bytes, and is gone before an answer. */
  async leave (bytes: string): Promise<void> {
    const { hostname, port } = new URL(this.#url)
    const socket = connect(Number(port), hostname)
    socket.on('error', () => {})
    await new Promise<void>((resolve) => { socket.write(bytes, () => setTimeout(resolve, 50)) })
    socket.destroy()
  }

  /** Sends bytes as they are. @returns all that came back until the end */
  async raw (bytes: string, name = bytes.slice(0, 30)): Promise<string> {
    const got = await new Promise<string>((resolve) => {
      const { hostname, port } = new URL(this.#url)
      const socket = connect(Number(port), hostname, () => socket.write(bytes))
      let text = ''
      socket.on('data', (data) => { text += data.toString('latin1') })
      socket.on('error', () => {})
      socket.on('close', () => resolve(text))
    })
    this.#evidence.add(`raw reply to ${name}`, got)
    return got
  }
}

export function writeSecret (folder: string, name: string, text: string): string {
  const path = join(folder, name)
  writeFileSync(path, `${text}\n`, { mode: 0o600 })
  return path
}
