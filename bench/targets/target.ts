import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, openSync, closeSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Connection } from '../load/connection.ts'
import { request, whole } from '../load/request.ts'

/** One that takes part in a comparison. */
export interface Target {
  name: string
  /** @param provider the port of the provider. @throws {Unavailable} */
  start (provider: number): Promise<Running>
}

export interface Running {
  name: string
  port: number
  /** Absent where there is nothing between client and provider. */
  pid?: number
  /** What a client sends besides, its key above all. */
  headers: Record<string, string>
  model: string
  /** A folder of its own, removed when it stops. */
  folder: string
  /** ms from the start of the process to the first good reply. */
  startedIn: number
  output (): string
  /** @param keepFolder for who starts there again */
  stop (keepFolder?: boolean): Promise<void>
}

/** It cannot take part here, and why. */
export class Unavailable extends Error {}

export const MODEL = 'gpt-5.4-mini'

/** Milliseconds. */
const START_TIME = 60_000
const STOP_TIME = 5000

export interface Program {
  name: string
  command: string
  args: string[]
  env?: Record<string, string>
  folder: string
  port: number
  headers: Record<string, string>
  model?: string
}

export const makeFolder = (): string => mkdtempSync(join(tmpdir(), 'llm-gateway-bench-'))

/** A port that nobody has at the moment. */
export async function freePort (): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

/** Starts a program and waits for its first good reply. Its output goes to a file, as an access log would. */
export async function run ({ name, command, args, env = {}, folder, port, headers, model = MODEL }: Program): Promise<Running> {
  const file = join(folder, 'output.log')
  const output = (): string => readFileSync(file, 'utf8')
  const fd = openSync(file, 'a')
  const start = performance.now()
  const child = spawn(command, args, { cwd: folder, env: { PATH: process.env['PATH'], ...env }, stdio: ['ignore', fd, fd] })
  closeSync(fd)
  const running: Running = { name, port, headers, model, folder, startedIn: NaN, output, stop: (keepFolder) => stop(child, keepFolder === true ? undefined : folder) }
  try {
    await Promise.race([once(child, 'spawn'), once(child, 'error').then(([error]) => { throw error })])
    if (child.pid !== undefined) running.pid = child.pid
    await firstReply(running, child)
    running.startedIn = performance.now() - start
    return running
  } catch (error) {
    const said = output().trimEnd().slice(-2000)
    await running.stop()
    throw new Unavailable(`${(error as Error).message}${said === '' ? '' : `; it said:\n${said}`}`)
  }
}

async function firstReply (running: Running, child: ChildProcess): Promise<void> {
  const deadline = performance.now() + START_TIME
  for (let last = 'no reply'; performance.now() < deadline; await sleep(2)) {
    if (child.exitCode !== null || child.signalCode !== null) throw new Error(`${running.name} ended`)
    last = await ask(running)
    if (last === '200') return
    // It is up, and says no: so it will say.
    if (/^\d/.test(last)) throw new Error(`${running.name} answered ${last}`)
  }
  throw new Error(`${running.name} did not start in time`)
}

/** The status of one reply, or why there is none. */
function ask (running: Running): Promise<string> {
  return new Promise((resolve) => {
    const connection = new Connection('127.0.0.1', running.port)
    let status = 0
    connection.send(request(running, whole), {
      onHead (code) { status = code },
      onBody () {},
      onEnd () { connection.close(); resolve(String(status)) },
      onError (error) { resolve(error.message) }
    })
  })
}

async function stop (child: ChildProcess, folder: string | undefined): Promise<void> {
  if (child.exitCode === null && child.signalCode === null && child.pid !== undefined) {
    const ended = once(child, 'exit')
    child.kill('SIGTERM')
    const killer = setTimeout(() => child.kill('SIGKILL'), STOP_TIME)
    await ended
    clearTimeout(killer)
  }
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true })
}
