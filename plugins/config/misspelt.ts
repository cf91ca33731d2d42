import { nearest } from '../nearest.ts'
import { providerTimers } from './schema.ts'

/** Shorter names are too near to others by chance. */
const SHORTEST = 8
/** Letters from which on two may be wrong. */
const LONG = 16
/** Such as a provider has that is not loaded. */
const OF_PROVIDER = ['BASE_URL', ...Object.keys(providerTimers)].map((ending) => `_${ending}`)
/** Other programs' own, and one letter from a setting. */
const OTHERS: ReadonlySet<string> = new Set(['HTTP_PROXY'])

/**
 * Variables that are no settings and nearly are, each with the setting that may be meant. Most of an environment is none of
 * ours, so that only what differs by a letter or two counts.
 *
 * @param settings the names of all
 */
export function misspelt (settings: string[], env: NodeJS.ProcessEnv): Array<[name: string, meant: string]> {
  const known = new Map(settings.map((name) => [name.toLowerCase(), name]))
  return Object.keys(env).flatMap((name) => {
    if (!/^[A-Z][A-Z0-9_]*$/.test(name) || name.length < SHORTEST || !env[name] || settings.includes(name)) return []
    if (OTHERS.has(name) || OF_PROVIDER.some((ending) => name.endsWith(ending))) return []
    // OpenTelemetry has many that are alike, for traces, metrics and logs.
    const most = name.length < LONG || name.startsWith('OTEL_') ? 1 : 2
    const meant = nearest(name, known.keys(), (candidate) => lettersOf(candidate) === lettersOf(name.toLowerCase()) ? 2 : most)
    return meant === undefined ? [] : [[name, known.get(meant) ?? meant]]
  })
}

/** The same for two words where letters have only changed places. */
function lettersOf (word: string): string {
  return [...word].sort().join('')
}
