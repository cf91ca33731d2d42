import { execFileSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { REAL_KEY } from '../keys.ts'
import { freePort, makeFolder, run, Unavailable, type Target } from './target.ts'

const source = join(import.meta.dirname, 'portkey')
const cache = join(import.meta.dirname, '../.cache/portkey')
const entry = join(cache, 'node_modules/@portkey-ai/gateway/build/start-server.js')

/** The nearest peer by language and by what it does, without its console, at the versions of the lock file beside. */
export const portkey: Target = {
  name: 'portkey',
  async start (provider) {
    install()
    const port = await freePort()
    return run({
      name: 'portkey',
      command: process.execPath,
      args: [entry, `--port=${port}`, '--headless'],
      env: { NODE_ENV: 'production' },
      folder: makeFolder(),
      port,
      headers: { authorization: `Bearer ${REAL_KEY}`, 'x-portkey-provider': 'openai', 'x-portkey-custom-host': `http://127.0.0.1:${provider}/v1` }
    })
  }
}

/** Once; anew where the lock file is another one. @throws {Unavailable} */
function install (): void {
  const lock = readFileSync(join(source, 'package-lock.json'), 'utf8')
  const stamp = join(cache, 'installed.json')
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === lock) return
  mkdirSync(cache, { recursive: true })
  for (const name of ['package.json', 'package-lock.json']) copyFileSync(join(source, name), join(cache, name))
  try {
    execFileSync('npm', ['ci', '--ignore-scripts', '--omit=dev', '--no-audit', '--no-fund'], { cwd: cache, stdio: 'pipe', timeout: 180_000 })
  } catch (error) {
    throw new Unavailable(`npm could not install it: ${(error as Error).message.split('\n').at(0)}`)
  }
  writeFileSync(stamp, lock)
}
