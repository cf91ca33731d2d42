import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { until, type Teardown } from './helper.ts'

/** Why tests that need Redis are skipped; `false` where they are not. */
export const withoutRedis: string | false = spawnSync('redis-server', ['--version']).error === undefined
  ? false
  : 'there is no redis-server on this machine; Debian has it in the package redis-server'

export interface RedisServer {
  url: string
  port: number
  /** The running process. */
  process: ChildProcess
  /** Ends it as a crash does: nothing is written any more. */
  kill (): Promise<void>
  /** Starts it again on the same port, with what it wrote to its folder. */
  start (): Promise<void>
  /** What `redis-cli` answers. */
  cli (...args: string[]): string
}

/** A real redis-server on a free port, which keeps nothing unless told to. */
export async function startRedis (t: Teardown, ...options: string[]): Promise<RedisServer> {
  const folder = mkdtempSync(join(tmpdir(), 'llm-gateway-redis-'))
  const port = await freePort()
  const server: RedisServer = {
    url: `redis://127.0.0.1:${port}/0`,
    port,
    process: spawnServer(),
    async kill () {
      if (server.process.exitCode !== null || server.process.signalCode !== null) return
      server.process.kill('SIGKILL')
      await once(server.process, 'exit')
    },
    async start () {
      server.process = spawnServer()
      await answering()
    },
    cli: (...args) => spawnSync('redis-cli', ['-p', String(port), ...args], { encoding: 'utf8' }).stdout.trim()
  }
  function spawnServer (): ChildProcess {
    return spawn('redis-server', ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--save', '', ...options], { stdio: 'ignore' })
  }
  async function answering (): Promise<void> {
    await until(() => server.process.exitCode !== null || server.cli('ping') === 'PONG')
    if (server.process.exitCode !== null) throw new Error(`redis-server ended with ${server.process.exitCode}`)
  }
  t.teardown(async () => {
    await server.kill()
    rmSync(folder, { recursive: true, force: true })
  })
  await answering()
  return server
}

/** A connection to a server that can be made slow, or silent. */
export interface Wire {
  url: string
  /** ms that every piece of an answer takes longer; Infinity: none comes. */
  delay: number
}

export async function startWire (t: Teardown, port: number): Promise<Wire> {
  const sockets = new Set<Socket>()
  const wire: Wire = { url: '', delay: 0 }
  const server = createServer((client) => {
    const upstream = connect(port, '127.0.0.1')
    for (const [socket, other] of [[client, upstream], [upstream, client]] as const) {
      sockets.add(socket)
      socket.setNoDelay(true).on('error', () => {})
      socket.on('close', () => {
        sockets.delete(socket)
        other.destroy()
      })
    }
    client.on('data', (data) => upstream.write(data))
    upstream.on('data', (data) => {
      if (wire.delay === 0) client.write(data)
      else if (wire.delay !== Infinity) setTimeout(() => { if (!client.destroyed) client.write(data) }, wire.delay)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  wire.url = `redis://127.0.0.1:${(server.address() as AddressInfo).port}/0`
  t.teardown(async () => {
    for (const socket of sockets) socket.destroy()
    await new Promise((resolve) => server.close(resolve))
  })
  return wire
}

async function freePort (): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}
