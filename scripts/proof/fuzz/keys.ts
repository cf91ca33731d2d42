/* eslint no-template-curly-in-string: off -- in keys.json, ${NAME} is a reference. */
/** Spoilt files of keys: many judged in this process, and one put in the place of the gateway's. */
import { renameSync, writeFileSync } from 'node:fs'
import { defaultProviders, loadBuiltin } from '../../../providers/index.ts'
import { FileFault } from '../../../plugins/file/fault.ts'
import { readKeys } from '../../../plugins/keys/file.ts'
import { KEYS, quotesKey } from './gateway.ts'
import { spoilBytes, spoilJson, written, type Random } from './mutate.ts'

const RICH = {
  ...KEYS,
  virtual_keys: {
    ...KEYS.virtual_keys,
    [`sha256:${'ab'.repeat(32)}`]: {
      provider: 'openai', api_key: '${OPENAI}', id: '0123456789ab', name: 'all', models: ['gpt-*'], model_aliases: { a: 'gpt-5.4' }, expires_at: '2030-01-01T00:00:00Z', disabled: false, log: 'metadata', lossy: 'reject', allow_ips: ['10.0.0.0/8', '::1'], timeouts: { request: '10s', connect: '1s' }, max_requests_per_hour: 'unlimited', budget: [{ usd: 1.5, per: 'day', timezone: 'Europe/Berlin' }, { usd: 9, per: 'total', dry_run: true }]
    }
  }
}

const bytes = Buffer.from(JSON.stringify(RICH, null, 2))
const providers = await Promise.all(defaultProviders.map(loadBuiltin))
const surroundings = { providers, env: { OPENAI: 'sk-from-the-environment-0123456789' }, files: { read: () => 'sk-from-a-file-0123456789' } }

export function spoiltKeys (random: Random): Buffer {
  return random(2) === 0 ? spoilBytes(random, bytes, [bytes]) : written(random, spoilJson(random, RICH, [KEYS]), random(3))
}

/** What is wrong with how a file was judged: it is taken, or refused in one line without a key. */
export function judgeFault (content: Buffer): string | undefined {
  const began = performance.now()
  try {
    readKeys(content, surroundings)
  } catch (error) {
    if (!(error instanceof FileFault)) return `the file ended in ${error instanceof Error ? error.stack : String(error)}`
    if (quotesKey(error.message) || error.message.includes('\n')) return `the file was refused with: ${error.message}`
  }
  const took = performance.now() - began
  return took > 3000 ? `the file took ${Math.round(took)} ms` : undefined
}

/** Puts it in by rename, or writes it in place. */
export function putKeys (file: string, content: Buffer, inPlace: boolean): void {
  if (inPlace) return writeFileSync(file, content)
  writeFileSync(`${file}.new`, content, { mode: 0o600 })
  renameSync(`${file}.new`, file)
}
