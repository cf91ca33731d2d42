/* eslint no-template-curly-in-string: off -- in keys.json, ${NAME} is a reference. */
/** `llm-gateway keys create|list|rotate|disable`: the virtual keys of keys.json. */
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { runCommand, WrongUsage } from '../command.ts'
import { parsePeriod } from '../config/duration.ts'
import { readSettings } from '../config/index.ts'
import { checkProviders, loadProviders } from '../config/providers.ts'
import { FileFault } from '../file/fault.ts'
import { readBytes } from '../file/source.ts'
import { create, disable, fingerprint, list, OVERLAP, rotate, type Changed, type Listed } from './changes.ts'
import { readKeys } from './file.ts'
import { changeKeys } from './keyring.ts'

const USAGE = `llm-gateway keys: the virtual keys of KEYS_FILE

  llm-gateway keys create --provider NAME --api-key REFERENCE [--name NAME] [--expires-at TIME] [--set FIELD=VALUE]...
      make a key, print it this one time, and keep its SHA-256 only. REFERENCE is where the real key is from:
      '\${NAME}' for an environment variable, '\${file:PATH}' for a file, or - to read the real key itself from standard input.
      --set gives any other field, such as --set requests_per_minute=60 or --set 'models=["small-*"]'
  llm-gateway keys list
      all keys, without any secret
  llm-gateway keys rotate KEY [--overlap 24h]
      make a new key in the place of one, and let the old one work for that long
  llm-gateway keys disable KEY
      refuse a key from now on

KEY is its name, its id, or sha256: and the first 12 or more digits of its SHA-256. A running gateway reads the file again
by itself.
`

/** What a content is judged by, and the variables that the last one takes real keys from. */
interface Checker { check: (bytes: Buffer) => void, variables: () => string[] }

await runCommand('keys', async ([command, ...args]) => {
  if (command === undefined || command === '--help' || command === '-h' || args.includes('--help') || args.includes('-h')) {
    console[command === undefined ? 'error' : 'log'](USAGE)
    if (command === undefined) process.exitCode = 2
    return
  }
  const commands: Record<string, (args: string[]) => Promise<void>> = { create: runCreate, list: runList, rotate: runRotate, disable: runDisable }
  const named = Object.hasOwn(commands, command) ? commands[command] : undefined
  if (named === undefined) throw new WrongUsage('create, list, rotate or disable must come next; see llm-gateway keys --help')
  await named(args)
})

async function runCreate (args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      provider: { type: 'string' },
      'api-key': { type: 'string' },
      name: { type: 'string' },
      'expires-at': { type: 'string' },
      set: { type: 'string', multiple: true }
    }
  })
  const { provider, 'api-key': apiKey, name, 'expires-at': expiresAt, set = [] } = values
  if (provider === undefined || apiKey === undefined) throw new WrongUsage('create needs --provider NAME and --api-key \'${NAME}\'')
  const entry = {
    provider,
    api_key: secretOf(apiKey),
    ...name !== undefined && { name },
    ...expiresAt !== undefined && { expires_at: expiresAt },
    ...Object.fromEntries(set.map(fieldOf))
  }
  const made = await change((bytes) => create(bytes, entry, Date.now()))
  console.log(made.token)
  console.error(`made key ${called(made)}; above it is shown for the only time: the file has its SHA-256`)
}

async function runRotate (args: string[]): Promise<void> {
  const { values: { overlap = OVERLAP }, positionals } = parseArgs({ args, options: { overlap: { type: 'string' } }, allowPositionals: true })
  const which = theOne(positionals)
  const made = await change((bytes) => rotate(bytes, which, periodOf(overlap), Date.now()))
  console.log(made.token)
  console.error(`made a new key for ${called(made)}; above it is shown for the only time. The old one works until ${made.old.entry.expires_at}`)
}

async function runDisable (args: string[]): Promise<void> {
  const which = theOne(parseArgs({ args, allowPositionals: true }).positionals)
  const off = await change((bytes) => disable(bytes, which, Date.now()))
  for (const key of off) console.log(`disabled ${called(key)}, ${fingerprint(key)}`)
}

async function runList (args: string[]): Promise<void> {
  parseArgs({ args })
  const file = keysFile()
  try {
    const bytes = await readBytes({ path: file, setting: 'KEYS_FILE', remedy: 'llm-gateway keys create makes it' })
    await checkWith(bytes)
    console.log(table(list(bytes, Date.now())))
  } catch (error) {
    throw inFile(file, error)
  }
}

function table (keys: Listed[]): string {
  const rows = keys.map(({ id, sha256, label, entry, state, plain, reference }) => [
    id,
    fingerprint({ sha256 }),
    entry.provider ?? (entry.targets ?? []).map(({ provider }) => provider).join(', '),
    reference ?? '(in the file)',
    state === 'active' && entry.expires_at !== undefined ? `until ${entry.expires_at}` : state,
    plain ? 'plain' : 'hashed',
    label
  ])
  const all = [['ID', 'KEY', 'PROVIDER', 'REAL KEY', 'STATE', 'STORED', 'NAME'], ...rows]
  const widths = all[0]?.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0))) ?? []
  return all.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ').trimEnd()).join('\n')
}

function called ({ id, label, entry }: Listed): string {
  return entry.name === undefined ? id : `"${label}" (${id})`
}

function theOne ([which, ...more]: string[]): string {
  if (which === undefined || more.length > 0) throw new WrongUsage('name one key: by its name, its id, or sha256: and digits; llm-gateway keys list shows them')
  return which
}

function periodOf (text: string): number {
  try {
    return parsePeriod(text)
  } catch (error) {
    throw new WrongUsage(`--overlap ${error instanceof Error ? error.message : 'is not valid'}; for example --overlap 24h`)
  }
}

/** Not the real key itself: the list of processes and the shell's history would have it. */
function secretOf (text: string): string {
  if (text === '-') return readFileSync(0, 'utf8').replace(/\r?\n$/, '')
  if (!text.startsWith('${')) throw new WrongUsage('--api-key takes \'${NAME}\' or \'${file:PATH}\' (in single quotes, so that the shell leaves it alone), or - to read the real key from standard input')
  return text
}

function fieldOf (text: string): [name: string, value: unknown] {
  const [, name, value] = /^([a-z_]+)=(.*)$/s.exec(text) ?? []
  if (name === undefined || value === undefined) throw new WrongUsage('--set takes FIELD=VALUE, such as --set requests_per_minute=60')
  if (name === 'api_key' || name === 'id') throw new WrongUsage(`--set does not take ${name}`)
  try {
    return [name, JSON.parse(value)]
  } catch {
    return [name, value]
  }
}

function keysFile (): string {
  return resolve(readSettings(process.env).keysFile)
}

async function change <T> (act: (bytes: Buffer) => Changed<T>): Promise<T> {
  const file = keysFile()
  const { check, variables } = await checker()
  try {
    const result = await changeKeys(file, act, check)
    warnOf(variables())
    return result
  } catch (error) {
    throw inFile(file, error)
  }
}

/** No fault: this environment is not the gateway's. */
function warnOf (variables: string[]): void {
  for (const name of variables) {
    if ((process.env[name] ?? '') !== '') continue
    console.error(`llm-gateway keys: warning: the file names \${${name}}, which is not set here; a gateway that does not have it either takes nothing of the file, and its old keys stay in force: make sure that it was started with ${name}`)
  }
}

async function checkWith (bytes: Buffer): Promise<void> {
  (await checker()).check(bytes)
}

/** Judges a content as the gateway would, but for the real keys, which are where the gateway runs. */
async function checker (): Promise<Checker> {
  const providers = checkProviders(await loadProviders(process.env))
  const { adminKey } = readSettings(process.env)
  const asked = new Set<string>()
  const env = new Proxy({}, {
    get (_, name) {
      asked.add(String(name))
      return `not-known-here-${String(name)}`
    }
  })
  const files = { read: (path: string) => `not-known-here-${path}`.replaceAll(/[^!-~]/g, '-') }
  return {
    check (bytes) {
      asked.clear()
      readKeys(bytes, { providers, env, adminKey, files })
    },
    variables: () => [...asked]
  }
}

function inFile (file: string, error: unknown): unknown {
  return error instanceof FileFault ? new Error(`${file}: ${error.message}`) : error
}
