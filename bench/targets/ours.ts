import { execFileSync } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { REAL_KEY, TRANSLATED_KEY, VIRTUAL_KEY } from '../keys.ts'
import { fillLedger } from '../ledger.ts'
import { freePort, makeFolder, MODEL, run, Unavailable, type Running, type Target } from './target.ts'

const server = join(import.meta.dirname, '../../dist/server.js')
const cli = join(import.meta.dirname, '../../dist/cli.js')
const monitor = pathToFileURL(join(import.meta.dirname, '../monitor.ts')).href

export interface Variant {
  name?: string
  /** Settings besides those all have. */
  env?: Record<string, string>
  /** How many virtual keys. Default: 10. */
  keys?: number
  /** The provider speaks another dialect than the client. */
  translated?: boolean
  /** Rows in the ledger before it starts. */
  rows?: number
  /** Pauses of the event loop are written down: see `monitor.ts`. */
  monitored?: boolean
  nodeOptions?: string
}

/** Everything on, bodies not recorded: what is compared with others. */
const FEATURES = { LOG_BODIES: 'metadata', LOG_FORMAT: 'json' }

/**
 * As much off as the same build lets one: no record, no line, no limit, no timers, and no ledger, for want of a folder to keep
 * it in. Keys are still looked up, bodies judged, replies watched for usage.
 */
export const BARE = { DATA_DIR: '/dev/null', LOG_BODIES: 'off', LOG_LEVEL: 'silent', MAX_REQUESTS_PER_HOUR: 'unlimited', HEARTBEAT_INTERVAL: '0', REQUEST_TIMEOUT: '0' }

/** High enough never to refuse, and counted all the same. */
const LIMIT = '1000000000'

/** As in the image, it finds what V8 compiled in an earlier run. */
let compiled = false

/** The gateway as it was built, as its image starts it. */
export function gateway ({ name = 'ours', env = {}, keys = 10, translated = false, rows = 0, monitored = false, nodeOptions = '' }: Variant): Target {
  return {
    name,
    async start (provider) {
      if (!existsSync(server)) throw new Unavailable('it is not built: npm run build')
      if (!compiled) execFileSync(process.execPath, [cli, 'demo', '--once'], { stdio: 'ignore' })
      compiled = true
      const folder = makeFolder()
      writeKeys(folder, keys)
      const begin = async (): Promise<Running> => {
        const port = await freePort()
        return await run({
          name,
          command: process.execPath,
          args: [...(monitored ? ['--import', monitor] : []), server],
          env: {
            NODE_ENV: 'production',
            NODE_OPTIONS: nodeOptions,
            KEYS_FILE: join(folder, 'keys.json'),
            GATEWAY_PORT: String(port),
            DATA_DIR: join(folder, 'data'),
            LOG_DIR: join(folder, 'logs'),
            OPENAI_BASE_URL: `http://127.0.0.1:${provider}/v1`,
            ANTHROPIC_BASE_URL: `http://127.0.0.1:${provider}`,
            MAX_REQUESTS_PER_HOUR: LIMIT,
            ...FEATURES,
            ...env
          },
          folder,
          port,
          headers: { authorization: `Bearer ${translated ? TRANSLATED_KEY : VIRTUAL_KEY}` },
          model: translated ? 'claude-haiku-4-5' : MODEL
        })
      }
      if (rows > 0) {
        // The schema is the gateway's own: it makes its tables, and then they are filled.
        const first = await begin()
        await first.stop(true)
        fillLedger(join(folder, 'data'), rows)
      }
      return await begin()
    }
  }
}

/** @param count of virtual keys, the two in use among them */
function writeKeys (folder: string, count: number): void {
  const others = Array.from({ length: count - 2 }, (_, index) => [`vk_bench_other_${index}_0123456789abcdef`, { provider: 'openai', api_key: REAL_KEY, name: `other ${index}` }])
  writeFileSync(join(folder, 'keys.json'), JSON.stringify({
    virtual_keys: {
      ...Object.fromEntries(others),
      [VIRTUAL_KEY]: { provider: 'openai', api_key: REAL_KEY, name: 'bench' },
      [TRANSLATED_KEY]: { provider: 'anthropic', api_key: REAL_KEY, name: 'bench, translated' }
    }
  }), { mode: 0o600 })
}
