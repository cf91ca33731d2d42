import fastifyEnv from '@fastify/env'
import type { ErrorObject } from 'ajv'
import fp from 'fastify-plugin'
import type { Provider } from '../../providers/provider.ts'
import { beware, environmentSecrets } from '../keys/conceal.ts'
import { validator } from '../validator.ts'
import { parseBaseUrl, pointsAtGateway } from './base-url.ts'
import { parseTimeout } from './duration.ts'
import { formatFault, formats, SECRET } from './formats.ts'
import { misspelt } from './misspelt.ts'
import { parseSettings, type CommonSettings } from './parse.ts'
import { checkProviders, loadProviders } from './providers.ts'
import { baseUrlName, Settings, settingsWith, timerNames, type ProviderTimer, type RawSettings, type SettingsSchema } from './schema.ts'
import { validate } from './validate-settings.ts'

/** All settings, those that name a provider too. */
export interface Config extends CommonSettings {
  /** In the order of PROVIDERS, those of an embedding program last. */
  providers: Provider[]
  /** By provider name, without a slash at the end. */
  baseUrls: Record<string, string>
  /** What is set of a provider's own timers, by provider name; milliseconds, 0: no limit. */
  timeouts: Record<string, Partial<Record<ProviderTimer, number>>>
}

export interface ConfigOptions {
  /** Default: the process's own environment. */
  env?: NodeJS.ProcessEnv | undefined
  /** Providers of an embedding program, beside those that PROVIDERS names. */
  providers?: Provider[] | undefined
}

declare module 'fastify' {
  interface FastifyInstance {
    config: Config
  }
}

/**
 * `fastify.config`: the environment, read and checked once. A wrong value ends the start with an error of one line
 * that names the variable, what is wrong with its value, and a right value.
 */
export default fp<ConfigOptions>(async (fastify, { env = process.env, providers: embedded = [] }) => {
  // First of all: a provider's own code may say in an error what it was given.
  const secrets = environmentSecrets(env)
  fastify.addHook('onClose', beware({ secrets: () => secrets }))
  const providers = checkProviders([
    ...await loadProviders(env),
    ...embedded.map((value) => ({ value, source: 'the option "providers"' }))
  ])
  const schema = settingsWith(providers)
  try {
    await fastify.register(fastifyEnv, {
      schema,
      data: setVariables(schema, env),
      env: false,
      confKey: 'env',
      ajv: validator({ useDefaults: true, allErrors: true, removeAdditional: true, formats })
    })
  } catch (error) {
    throw describe(schema, env, error)
  }
  const raw = fastify.getDecorator<RawSettings & Record<string, string>>('env')
  const settings = parseSettings(raw)
  const baseUrls = Object.fromEntries(providers.map((provider) => {
    const name = baseUrlName(provider)
    const baseUrl = parseBaseUrl(raw[name] ?? '')
    if (pointsAtGateway(baseUrl, settings.host, settings.port)) throw ownAddress(name, provider)
    return [provider.name, baseUrl]
  }))
  const timeouts = Object.fromEntries(providers.map((provider) => [provider.name, Object.fromEntries(timerNames(provider).flatMap(([name, timer]) => {
    const text = raw[name] as string | undefined
    return text === undefined ? [] : [[timer, parseTimeout(text)]]
  }))]))
  for (const [name, meant] of misspelt(Object.keys(schema.properties), env)) fastify.log.warn(`${name} is no setting: did you mean ${meant}?`)
  // Platforms set it for whatever they run: it is worth a word where they will ask at another port than this listens on.
  if (env['PORT'] && !env['GATEWAY_PORT'] && env['PORT'] !== String(settings.port)) fastify.log.info(`PORT is no setting: the port is GATEWAY_PORT, which is not set and so ${settings.port}`)
  fastify.decorate('config', { ...settings, providers, baseUrls, timeouts })
}, { name: 'config', fastify: '5.x' })

/**
 * The settings that name no provider, for what has to be known before a server exists.
 * @throws {Error} as the plugin does
 */
export function readSettings (env: NodeJS.ProcessEnv): CommonSettings {
  const raw = setVariables(Settings, env)
  if (!validate(raw)) throw describe(Settings, env, validate)
  return parseSettings(raw)
}

/** What the environment says of the schema's variables; an empty one counts as unset. */
function setVariables (schema: SettingsSchema, env: NodeJS.ProcessEnv): Record<string, unknown> {
  return Object.fromEntries(Object.keys(schema.properties).flatMap((name) => {
    const value = env[variableOf(name, env)]
    return value ? [[name, value]] : []
  }))
}

/** Settings that are not ours alone: in lower case other programs read them too, and read that first. */
const COMMON: ReadonlySet<string> = new Set(['HTTPS_PROXY', 'NO_PROXY'])

/** The variable that says a setting. */
function variableOf (name: string, env: NodeJS.ProcessEnv): string {
  return COMMON.has(name) && env[name.toLowerCase()] ? name.toLowerCase() : name
}

/** The first fault that validation found, as one line. */
function describe (schema: SettingsSchema, env: NodeJS.ProcessEnv, result: unknown): unknown {
  const [first] = (result as { errors?: ErrorObject[] | null }).errors ?? []
  if (first === undefined) return result
  const name = first.keyword === 'required' ? String(first.params.missingProperty) : first.instancePath.slice(1)
  const { format, examples } = schema.properties[name] as { format?: string, examples?: string[] }
  const variable = variableOf(name, env)
  const example = `for example ${variable}=${examples?.[0]}`
  const value = env[variable]
  if (!value) return new Error(`${name} is not set, and a provider of PROVIDERS needs it; ${example}`)
  const fault = format === undefined
    ? `is none of ${first.params.allowedValues.join(', ')}`
    : formatFault(format, value) ?? 'is not valid'
  const shown = SECRET.has(format) ? variable : `${variable}: ${JSON.stringify(value.slice(0, 40))}`
  return new Error(`${shown} ${fault}; ${example}`)
}

function ownAddress (name: string, provider: Provider): Error {
  return new Error(`${name} is the address of this gateway itself. Apps set ${name} to reach the gateway; in the gateway's own ` +
    `environment it says where the provider is: unset it here, or set it to the provider, for example ${name}=${provider.baseUrl ?? 'https://api.example.com/v1'}`)
}
