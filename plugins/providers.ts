import fp from 'fastify-plugin'
import type { Provider } from '../providers/provider.ts'
import type { Call, Dialect, ModelFacts, Translation } from '../providers/dialects/dialect.ts'
import { dialects } from '../providers/dialects/index.ts'
import type { KeyTarget, VirtualKey } from './keys/index.ts'
import { GatewayError } from './errors.ts'

declare module 'fastify' {
  interface FastifyInstance {
    providers: Providers
  }
}

/** Where one request goes, and in which dialect it is spoken there. */
export interface Target {
  provider: Provider
  dialect: Dialect
  /** Set where the client's dialect is not the provider's: both sides' translation. */
  translation?: { from: Translation, to: Translation }
  url: URL
  headers: Record<string, string>
  /** Where the provider counts a prompt's tokens in that dialect, if anywhere. */
  counter?: URL
  /** The model by the name the provider knows. */
  model: string
  facts: ModelFacts
  /** Which of the key's targets it is, where the key lists several. */
  of?: KeyTarget
}

/** A sort of models, as a provider tells of it. */
type Sort = NonNullable<Provider['targets']>[number]
const ANY: Sort = { match: '' }

/** Who is asked, and with which real key. */
type Account = Pick<VirtualKey, 'provider' | 'apiKey'>

/** An endpoint of a provider that is not a dialect's, such as its list of models. */
export interface Endpoint {
  provider: Provider
  url: URL
  headers: Record<string, string>
}

export interface Providers {
  dialects: ReadonlyMap<string, Dialect>
  /**
   * Picks the provider's own dialect where it has the client's, else one that can be translated to. URL and headers of
   * the target are shared by requests: whoever changes them takes a copy.
   *
   * @param to which of the key's targets, where it lists them; default: the first
   * @throws {GatewayError} 403 for a model outside the key's list, 400 where the provider has no such endpoint.
   */
  resolve (key: VirtualKey, client: Dialect, call: Call, to?: KeyTarget): Target
  /** Where a request goes that names no model. @throws {GatewayError} 400 where the provider has no such endpoint. */
  target (key: VirtualKey, client: Dialect): Target
  /** Where the key's provider lists its models and in whose shape; `undefined` where it lists none. */
  models (key: VirtualKey): (Endpoint & { dialect: Dialect }) | undefined
  /** Whether the key may use the model: as asked for, or under the name its alias stands for. */
  allows (key: VirtualKey, model: string): boolean
  /** Whether the key's provider keeps anything for it, such as responses or files. */
  keeps (key: VirtualKey): boolean
}

/**
 * The registry of providers and dialects. Pairs a key's provider with the dialect of the route: the same on both
 * sides where the provider speaks it, translated otherwise.
 */
export default fp(async (fastify) => {
  const { config } = fastify
  const byName = new Map(config.providers.map((provider) => [provider.name, provider]))
  for (const provider of byName.values()) check(provider)
  const keeping = new Set(config.providers.filter((provider) => Object.keys(provider.dialects).some((id) => dialects.get(id)?.operations !== undefined)))

  const providerOf = (key: Account): Provider => {
    const provider = byName.get(key.provider)
    // The key store refuses keys of unknown providers, so this is a fault of ours.
    if (provider === undefined) throw new Error(`no provider ${key.provider}`)
    return provider
  }
  const endpoint = (key: Account, provider: Provider, path: string): Endpoint => ({
    provider,
    url: new URL(config.baseUrls[provider.name] + path),
    headers: {
      ...provider.headers,
      [provider.auth.header]: provider.auth.scheme === undefined ? key.apiKey : `${provider.auth.scheme} ${key.apiKey}`
    }
  })

  /** What all requests of an account in a dialect for a sort of models have in common. */
  type Way = Omit<Target, 'model'>

  function way (key: VirtualKey, client: Dialect, { match: _, dialect: preferred, ...known }: Sort, to: KeyTarget | undefined): Way {
    const account = to ?? key
    const provider = providerOf(account)
    const { dialect, path, counter, translation, ...spoken } = route(provider, key, client, preferred)
    return {
      ...endpoint(account, provider, path),
      dialect,
      facts: { ...spoken, ...known },
      ...to !== undefined && { of: to },
      ...counter !== undefined && { counter: endpoint(account, provider, counter).url },
      ...translation !== undefined && { translation }
    }
  }

  /** Made once an account (a key, or one of its targets), dialect and sort. */
  const ways = new WeakMap<Account, Map<Dialect, Map<Sort, Way>>>()

  function knownWay (key: VirtualKey, client: Dialect, sort: Sort, to: KeyTarget | undefined): Way {
    const ofAccount = get(ways, to ?? key, () => new Map<Dialect, Map<Sort, Way>>())
    return get(get(ofAccount, client, () => new Map<Sort, Way>()), sort, () => way(key, client, sort, to))
  }

  const sortOf = (account: Account, model: string): Sort =>
    providerOf(account).targets?.find(({ match }) => model.startsWith(match)) ?? ANY

  /** The key's own names for models are such as it may use, too. */
  const usable = (key: VirtualKey): string => {
    const aliases = [...key.modelAliases?.keys() ?? []].filter((alias) => providers.allows(key, alias))
    return [...new Set([...key.models ?? [], ...aliases])].join(', ')
  }

  const providers: Providers = {
    dialects,
    resolve (key, client, call, to = key.targets?.[0]) {
      const model = key.modelAliases?.get(call.model) ?? call.model
      if (!providers.allows(key, call.model)) {
        throw new GatewayError('model_not_allowed', {
          message: call.model === ''
            ? `This key may only use certain models, so the request must name one: ${usable(key)}.`
            : `This key may not use the model "${call.model.slice(0, 128)}". It may use: ${usable(key)}.`,
          param: 'model'
        })
      }
      const sent = to?.model ?? model
      return { ...knownWay(key, client, sortOf(to ?? key, sent), to), model: sent }
    },
    target (key, client) {
      const to = key.targets?.[0]
      return { ...way(key, client, sortOf(to ?? key, ''), to), model: '' }
    },
    models (key) {
      const provider = providerOf(key)
      if (provider.models === undefined) return undefined
      const dialect = dialects.get(provider.models.dialect)
      if (dialect?.models === undefined) return undefined
      return { ...endpoint(key, provider, provider.models.path), dialect }
    },
    allows (key, model) {
      if (key.models === undefined) return true
      const real = key.modelAliases?.get(model)
      return key.models.some((pattern) => matches(pattern, model) || (real !== undefined && matches(pattern, real)))
    },
    keeps: (key) => keeping.has(providerOf(key))
  }
  fastify.decorate('providers', providers)
}, { name: 'providers', fastify: '5.x', dependencies: ['config', 'errors'] })

/** @param preferred the dialect in which the model is spoken to best, where the client's is not to be had */
function route (provider: Provider, key: VirtualKey, client: Dialect, preferred: string | undefined): Pick<Target, 'dialect' | 'translation'> & Provider['dialects'][string] {
  const spoken = Object.entries(provider.dialects)
    .filter(([id]) => key.upstreamDialects === undefined || key.upstreamDialects.includes(id))
  for (const [id, entry] of spoken) {
    if (id === client.id) return { dialect: client, ...entry }
  }
  for (const [id, entry] of spoken.sort(([a], [b]) => Number(b === preferred) - Number(a === preferred))) {
    const dialect = dialects.get(id)
    if (client.translation === undefined || dialect?.translation === undefined) continue
    return { dialect, ...entry, translation: { from: client.translation, to: dialect.translation } }
  }
  throw new GatewayError('unsupported_endpoint', {
    message: `The provider of this key (${provider.name}) does not have this endpoint. Use a key of a provider that has it.`
  })
}

function get<K, V> (map: { get (key: K): V | undefined, set (key: K, value: V): unknown }, key: K, make: () => V): V {
  let value = map.get(key)
  if (value === undefined) map.set(key, value = make())
  return value
}

/** Literal but for a `*` at the end. */
function matches (pattern: string, model: string): boolean {
  return pattern.endsWith('*') ? model.startsWith(pattern.slice(0, -1)) : model === pattern
}

function check (provider: Provider): void {
  const { models, targets = [] } = provider
  const named = [...Object.keys(provider.dialects), ...models === undefined ? [] : [models.dialect], ...targets.flatMap(({ dialect = [] }) => dialect)]
  const unknown = named.find((id) => !dialects.has(id))
  if (unknown === undefined) return
  throw new Error(`Provider ${provider.name} speaks "${unknown}", which is not a dialect of this gateway. It knows: ${[...dialects.keys()].join(', ')}.`)
}
