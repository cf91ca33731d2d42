import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, existsSync, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import postgres from 'postgres'
import type { Teardown } from './helper.ts'

/** Debian keeps the server's programs out of the path. */
const bin = [...globSync('/usr/lib/postgresql/*/bin/').sort().reverse(), '']
  .find((folder) => spawnSync(`${folder}postgres`, ['--version']).error === undefined)

/** PostgreSQL refuses to run as root. */
const user: { uid?: number, gid?: number } | undefined = process.getuid?.() === 0 ? ['postgres', 'nobody'].flatMap((name) => idOf(name) ?? [])[0] : {}

/** Why tests that need PostgreSQL are skipped; `false` where they are not. */
export const withoutPostgres: string | false =
  bin === undefined
    ? 'there is no PostgreSQL server on this machine; Debian has it in the package postgresql'
    : user === undefined && 'PostgreSQL does not run as root, and there is no other user to run it as'

function idOf (name: string): { uid: number, gid: number } | undefined {
  const id = (flag: string): number => parseInt(spawnSync('id', [flag, name], { encoding: 'utf8' }).stdout)
  return Number.isNaN(id('-u')) ? undefined : { uid: id('-u'), gid: id('-g') }
}

export const PASSWORD = 'hunter2 /:@%'

export interface PostgresServer {
  /** Makes a database of its own. */
  database (): Promise<Database>
  start (): Promise<void>
  /** Ends it as a crash does. */
  kill (): Promise<void>
  /** All of its processes stand still, and their connections with them. */
  pause (): void
  resume (): void
}

export interface Database {
  url: string
  query (sql: string, ...values: Array<string | number>): Promise<Array<Record<string, unknown>>>
}

/** A real PostgreSQL on a free port, which asks for a password. */
export async function startPostgres (t: Teardown): Promise<PostgresServer> {
  const folder = mkdtempSync(join(tmpdir(), 'llm-gateway-postgres-'))
  const port = await freePort()
  const passwordFile = join(folder, 'password')
  writeFileSync(passwordFile, PASSWORD)
  if (user?.uid !== undefined && user.gid !== undefined) for (const path of [folder, passwordFile]) chownSync(path, user.uid, user.gid)
  const options = { ...user, cwd: folder }
  const made = spawnSync(`${bin}initdb`, ['-D', join(folder, 'data'), '-U', 'gateway', '--pwfile', passwordFile, '-A', 'scram-sha-256', '--no-sync', '-E', 'UTF8', '--locale', 'C'], { ...options, encoding: 'utf8' })
  if (made.status !== 0) throw new Error(made.stderr)

  let process: ChildProcess | undefined
  let count = 0
  const clients = new Set<postgres.Sql>()
  const connect = (name: string): Database => {
    const url = `postgres://gateway:${encodeURIComponent(PASSWORD)}@127.0.0.1:${port}/${name}`
    return {
      url,
      async query (sql, ...values) {
        const client = postgres(url, { max: 1, backoff: () => 0, onnotice: () => {} })
        clients.add(client)
        try {
          return [...await client.unsafe(sql, values)]
        } finally {
          clients.delete(client)
          await client.end({ timeout: 0 })
        }
      }
    }
  }
  const processes = (): number[] => {
    const pid = process?.pid
    const children = `/proc/${pid}/task/${pid}/children`
    return pid === undefined || !existsSync(children) ? [] : [pid, ...readFileSync(children, 'utf8').split(' ').filter(Boolean).map(Number)]
  }
  const tell = (signal: 'SIGSTOP' | 'SIGCONT'): void => {
    for (const pid of processes()) {
      try {
        globalThis.process.kill(pid, signal)
      } catch {
        // It has ended meanwhile.
      }
    }
  }
  const server: PostgresServer = {
    async database () {
      const name = `test${++count}`
      await connect('postgres').query(`CREATE DATABASE ${name}`)
      return connect(name)
    },
    async start () {
      process = spawn(`${bin}postgres`, ['-D', join(folder, 'data'), '-p', String(port), '-k', folder, '-c', 'listen_addresses=127.0.0.1', '-c', 'fsync=off', '-c', 'shared_buffers=16MB'], { ...options, stdio: 'ignore' })
      const deadline = Date.now() + 20_000
      while (true) {
        try {
          return void await connect('postgres').query('SELECT 1')
        } catch (error) {
          if (Date.now() > deadline || process.exitCode !== null) throw error
          await new Promise((resolve) => setTimeout(resolve, 20))
        }
      }
    },
    async kill () {
      const running = process
      process = undefined
      if (running === undefined || running.exitCode !== null || running.signalCode !== null) return
      const ended = once(running, 'exit')
      // "Immediate shutdown": as a crash, but for that its processes are all gone when it has ended.
      running.kill('SIGQUIT')
      running.kill('SIGCONT')
      await ended
    },
    pause: () => tell('SIGSTOP'),
    resume: () => tell('SIGCONT')
  }
  t.teardown(async () => {
    server.resume()
    await server.kill()
    rmSync(folder, { recursive: true, force: true })
  })
  await server.start()
  return server
}

async function freePort (): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}
