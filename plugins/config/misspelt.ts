import { nearest } from '../nearest.ts'
import { providerTimers } from './schema.ts'

/** Shorter names are too near to others by chance. */
const SHORTEST = 8
/** Letters from which on two may be wrong. */
const LONG = 16
const BASE_URL = '_BASE_URL'
/** What other programs call a provider's address. */
const ADDRESSES = ['_API_BASE', '_API_BASE_URL', '_API_URL', '_URL']
/** Of a provider's name: shorter ones are near to those of other providers, as `GROQ` and `GROK` are. */
const SHORTEST_PROVIDER = 5
/** Such as a provider has that is not loaded. */
const OF_PROVIDER = Object.keys(providerTimers).map((timer) => `_${timer}`)
/** Other programs' own, and one letter from a setting. */
const OTHERS: ReadonlySet<string> = new Set(['HTTP_PROXY', 'OPENAPI_BASE_URL'])

/**
 * Variables that are no settings and nearly are, each with the setting that may be meant. Most of an environment is none of
 * ours, so that only what differs by a letter or two counts.
 *
 * @param settings the names of all
 */
export function misspelt (settings: string[], env: NodeJS.ProcessEnv): Array<[name: string, meant: string]> {
  const known = new Map(settings.map((name) => [name.toLowerCase(), name]))
  // Where a provider's address is set, one that is alike is another provider's.
  const unset = settings.filter((name) => name.endsWith(BASE_URL) && !env[name])
  return Object.keys(env).flatMap((name) => {
    if (!/^[A-Z][A-Z0-9_]*$/.test(name) || name.length < SHORTEST || !env[name] || settings.includes(name)) return []
    if (OTHERS.has(name) || OF_PROVIDER.some((ending) => name.endsWith(ending))) return []
    const address = unset.find((setting) => ADDRESSES.some((ending) => name === setting.replace(BASE_URL, ending)))
    if (address !== undefined) return [[name, address]]
    if (name.endsWith(BASE_URL)) {
      const near = nearestAddress(name, unset)
      return near === undefined ? [] : [[name, near]]
    }
    // OpenTelemetry has many that are alike, for traces, metrics and logs.
    const most = name.length < LONG || name.startsWith('OTEL_') ? 1 : 2
    const meant = nearest(name, known.keys(), (candidate) => reordered(name.toLowerCase(), candidate) ? 2 : most)
    return meant === undefined ? [] : [[name, known.get(meant) ?? meant]]
  })
}

/** Most are of providers that are not loaded, so that one letter may differ, or two have changed places. */
function nearestAddress (name: string, settings: string[]): string | undefined {
  const candidates = new Map(settings.filter((setting) => setting.length >= SHORTEST_PROVIDER + BASE_URL.length).map((setting) => [setting.toLowerCase(), setting]))
  return candidates.get(nearest(name, candidates.keys(), (candidate) => reordered(name.toLowerCase(), candidate) ? 2 : 1) ?? '')
}

/** Whether the letters of one have only changed places in the other. */
function reordered (one: string, other: string): boolean {
  return one.length === other.length && [...one].sort().join() === [...other].sort().join()
}
