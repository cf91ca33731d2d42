import { existsSync, readFileSync, statSync } from 'node:fs'
import { validateHeaderName, validateHeaderValue } from 'node:http'
import { createRequire, registerHooks } from 'node:module'
import { isAbsolute, join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { builtinProviders, compatible, defaultProviders, loadBuiltin } from '../../providers/index.ts'
import { isObject, parseOrNothing } from '../../providers/dialects/json.ts'
import type { Provider } from '../../providers/provider.ts'
import { parseBaseUrl } from './base-url.ts'
import { validate } from './validate-provider.ts'

/** What an entry of PROVIDERS, or an embedding program, gives as a provider. */
export interface Candidate { value: unknown, source: string }

/** As in the provider schema. */
const NAME = /^[a-z][a-z0-9-]*$/
const COMPATIBLE = 'compatible:'

/**
 * Loads what PROVIDERS lists. Packages and paths are found from the working directory, so that an image needs no change.
 * @throws {Error} of one line, with the entry and why
 */
export async function loadProviders (env: NodeJS.ProcessEnv): Promise<Candidate[]> {
  return await Promise.all((env['PROVIDERS'] || defaultProviders.join(',')).split(',').map(async (text) => {
    const entry = text.trim()
    const source = `PROVIDERS entry ${JSON.stringify(entry.slice(0, 200))}`
    return { value: await load(entry, source), source }
  }))
}

async function load (entry: string, source: string): Promise<unknown> {
  if (entry === '') throw new Error(`PROVIDERS has an empty entry; for example PROVIDERS=${builtinProviders.slice(0, 2).join(',')}`)
  if (builtinProviders.includes(entry)) return await loadBuiltin(entry)
  if (entry.startsWith(COMPATIBLE)) {
    const name = entry.slice(COMPATIBLE.length)
    if (!NAME.test(name)) throw new Error(`${source}: the name must be lower-case letters, digits and "-"; for example compatible:groq`)
    return compatible(name)
  }
  const module = await importModule(entry, source)
  if (!('default' in module)) throw new Error(`${source}: it has no default export; it must export a provider by default`)
  return module.default
}

/**
 * What a path or a package exports.
 * @throws {Error} of one line, with the source and why
 */
export async function importModule (entry: string, source: string): Promise<object> {
  return await (isPath(entry) ? importPath(entry, source) : importPackage(entry, source))
}

function isPath (entry: string): boolean {
  // A package's name may end in `.js` too, and has a slash behind its scope: bare, they count only where there is such a file.
  return isAbsolute(entry) || /^\.\.?([/\\]|$)/.test(entry) || (/\.[cm]?[jt]s$|^[^@].*[/\\]/.test(entry) && existsSync(resolve(entry)))
}

async function importPath (entry: string, source: string): Promise<object> {
  const path = resolve(entry)
  if (!existsSync(path)) throw new Error(`${source}: no file ${path}`)
  if (statSync(path).isDirectory()) return await importFolder(path, source)
  return await attempt(pathToFileURL(path).href, source)
}

/** A package that lies somewhere: by its `exports`, which are for those who name it, or else its `main`. */
async function importFolder (path: string, source: string): Promise<object> {
  const manifest = join(path, 'package.json')
  const { name, exports }: Record<string, unknown> = existsSync(manifest) ? objectIn(readFileSync(manifest, 'utf8')) : {}
  if (typeof name === 'string' && exports !== undefined) return await importFrom(manifest, name, source)
  let main: string
  try {
    main = createRequire(manifest).resolve(path)
  } catch {
    throw new Error(`${source}: ${path} is a folder, and neither its package.json nor an index.js says what to load; name the file in it, such as ${join(path, 'index.js')}`)
  }
  return await attempt(pathToFileURL(main).href, source)
}

function objectIn (json: string): Record<string, unknown> {
  const value = parseOrNothing(json)
  return isObject(value) ? value : {}
}

async function importPackage (name: string, source: string): Promise<object> {
  const known = `it is no built-in provider (${builtinProviders.join(', ')})`
  if (!/^(@[\w.~-]+\/)?[\w.~-]+$/.test(name)) throw new Error(`${source}: ${known}, package name, or path such as ./provider.js`)
  return await importFrom(join(process.cwd(), 'providers'), name, source, `${known}, and no package of that name is installed in ${process.cwd()} (a path begins with ./)`)
}

/** Imports a package as a file of that path would: `import` itself looks from the importing file upwards. */
async function importFrom (file: string, name: string, source: string, absent?: string): Promise<object> {
  const parentURL = pathToFileURL(file).href
  let found = false
  const hooks = registerHooks({
    resolve (specifier, context, next) {
      if (specifier !== name) return next(specifier, context)
      const resolved = next(specifier, { ...context, parentURL })
      found = true
      return resolved
    }
  })
  try {
    return await attempt(name, source)
  } catch (error) {
    if (found || absent === undefined || !isNotFound(error)) throw error
    throw new Error(`${source}: ${absent}`)
  } finally {
    hooks.deregister()
  }
}

async function attempt (specifier: string, source: string): Promise<object> {
  try {
    return await import(specifier)
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error)
    throw new Error(`${source}: it failed to load: ${text.split('\n', 1)[0]?.slice(0, 300)}`, { cause: error })
  }
}

function isNotFound (error: unknown): boolean {
  return error instanceof Error && (error.cause as { code?: unknown } | undefined)?.code === 'ERR_MODULE_NOT_FOUND'
}

/**
 * Holds every candidate against the provider schema, and their names against each other.
 * @throws {Error} of one line, with the entry and why
 */
export function checkProviders (candidates: Candidate[]): Provider[] {
  const sources = new Map<string, string>()
  return candidates.map(({ value, source }) => {
    if (!validate(value)) {
      const { instancePath, message, params } = validate.errors?.[0] ?? {}
      const extra = params?.additionalProperty === undefined ? '' : ` (${JSON.stringify(params.additionalProperty)})`
      throw new Error(`${source}: not a provider: ${instancePath || 'its default export'} ${message}${extra}`)
    }
    checkValues(value, source)
    const other = sources.get(value.name)
    if (other !== undefined) throw new Error(`${source}: a provider named "${value.name}" is already loaded by ${other}`)
    sources.set(value.name, source)
    return value
  })
}

/** What the schema cannot say: texts that become headers and URLs must be fit for it. */
function checkValues ({ auth, baseUrl, headers = {} }: Provider, source: string): void {
  try {
    validateHeaderName(auth.header)
    validateHeaderValue(auth.header, auth.scheme ?? '')
    for (const [name, text] of Object.entries(headers)) {
      validateHeaderName(name)
      validateHeaderValue(name, text)
    }
  } catch {
    throw new Error(`${source}: not a provider: a header's name or value cannot be sent`)
  }
  try {
    if (baseUrl !== undefined) parseBaseUrl(baseUrl)
  } catch (error) {
    throw new Error(`${source}: not a provider: /baseUrl ${error instanceof Error ? error.message : 'is not valid'}`)
  }
}
