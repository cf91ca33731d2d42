import fastifyEnv from '@fastify/env'
import type { ErrorObject, ValidateFunction } from 'ajv'
import fp from 'fastify-plugin'
import { defaultProviders } from '../../providers/index.ts'
import type { Provider } from '../../providers/provider.ts'
import { beware, environmentSecrets } from '../keys/conceal.ts'
import { validator } from '../validator.ts'
import { parseBaseUrl, pointsAtGateway } from './base-url.ts'
import { parsePatience, parsePeriod, parseTimeout } from './duration.ts'
import { formatFault, parseCount, parseNetworks, parsePort, parseRate, parseRetries, SECRET, withFormats } from './formats.ts'
import { misspelt } from './misspelt.ts'
import { checkProviders, loadProviders } from './providers.ts'
import { baseUrlName, Settings, settingsWith, timerNames, type RawSettings, type SettingsSchema } from './schema.ts'
import { parseSize } from './size.ts'
import { tracingOf, type Tracing } from './tracing.ts'

export interface Config {
  keysFile: string
  host: string
  /** 0: any free port. */
  port: number
  /** Whose `X-Forwarded-For` is believed; undefined: nobody's. */
  trustProxy: string[] | undefined
  /** Undefined: plain HTTP. */
  tlsCertFile: string | undefined
  tlsKeyFile: string | undefined
  /** Undefined: clients need no certificate. */
  tlsClientCaFile: string | undefined
  /** Milliseconds; 0: at once. */
  shutdownTimeout: number
  /** Infinity: no limit. */
  maxRequestsPerHour: number
  /** Milliseconds; 0: no limit. */
  requestTimeout: number
  /** Milliseconds; 0: no limit but that one. */
  connectTimeout: number
  /** Milliseconds; 0: no limit. Undefined: as `requestTimeout`. */
  idleTimeout: number | undefined
  /** Milliseconds; 0: no limit. */
  firstTokenTimeout: number
  /** Milliseconds; 0: no limit. */
  noTokenTimeout: number
  /** How often a request may be sent again. */
  retries: number
  /** Milliseconds; 0: none. */
  heartbeatInterval: number
  /** Milliseconds; 0: none. */
  drainTimeout: number
  /** For keys that do not say otherwise. */
  lossy: RawSettings['LOSSY']
  /** Bytes. */
  maxBodySize: number
  /** Bytes. */
  maxReplySize: number
  /** At each provider. */
  maxUpstreamConnections: number
  /** For each provider. */
  maxQueue: number
  httpsProxy: string | undefined
  noProxy: string | undefined
  dataDir: string
  ledgerOnError: RawSettings['LEDGER_ON_ERROR']
  /** Milliseconds; 0: for good. */
  ledgerRetention: number
  /** In the order of PROVIDERS, those of an embedding program last. */
  providers: Provider[]
  /** By provider name, without a slash at the end. */
  baseUrls: Record<string, string>
  /** What is set of a provider's own timers, by provider name; milliseconds, 0: no limit. */
  timeouts: Record<string, Partial<Record<'connect' | 'request' | 'idle' | 'firstToken' | 'noToken', number>>>
  pricesFile: string | undefined
  /** Undefined: limits are in memory. */
  redisUrl: string | undefined
  /** Undefined: `deny` where money is limited, `local` for the rest. */
  limitsWithoutRedis: RawSettings['LIMITS_WITHOUT_REDIS'] | undefined
  replicas: number
  /** Undefined: there is no common database. */
  databaseUrl: string | undefined
  /** Of `/admin/*`. */
  adminKey: string | undefined
  /** Undefined: metrics are on the gateway's own port, if anywhere. */
  metricsPort: number | undefined
  metricsHost: string
  logLevel: RawSettings['LOG_LEVEL']
  logFormat: 'pretty' | 'json'
  logDir: string
  logBodies: RawSettings['LOG_BODIES']
  /** Bytes. */
  logMaxSize: number
  /** Milliseconds; 0: for good. */
  logRetention: number
  /** Bytes. */
  logBodyLimit: number
  /** Undefined: there are no spans. */
  tracing: Tracing | undefined
}

/** What names no provider. */
type Common = Omit<Config, 'providers' | 'baseUrls' | 'timeouts'>

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
    ...await loadProviders(env.PROVIDERS || defaultProviders.join(',')),
    ...embedded.map((value) => ({ value, source: 'the option "providers"' }))
  ])
  const schema = settingsWith(providers)
  try {
    await fastify.register(fastifyEnv, {
      schema,
      data: setVariables(schema, env),
      env: false,
      confKey: 'env',
      ajv: withFormats(validator({ useDefaults: true, allErrors: true, removeAdditional: true }))
    })
  } catch (error) {
    throw describe(schema, env, error)
  }
  const raw = fastify.getDecorator<RawSettings & Record<string, string>>('env')
  const settings = typed(raw)
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

let validate: ValidateFunction<RawSettings> | undefined

/**
 * The settings that name no provider, for what has to be known before a server exists.
 * @throws {Error} as the plugin does
 */
export function readSettings (env: NodeJS.ProcessEnv): Common {
  const raw = setVariables(Settings, env)
  validate ??= withFormats(validator({ useDefaults: true })).compile<RawSettings>(Settings)
  if (!validate(raw)) throw describe(Settings, env, validate)
  return typed(raw)
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

function typed (raw: RawSettings): Common {
  return {
    keysFile: raw.KEYS_FILE,
    host: raw.GATEWAY_HOST,
    port: parsePort(raw.GATEWAY_PORT),
    trustProxy: raw.TRUST_PROXY === undefined ? undefined : parseNetworks(raw.TRUST_PROXY),
    tlsCertFile: raw.TLS_CERT_FILE,
    tlsKeyFile: raw.TLS_KEY_FILE,
    tlsClientCaFile: raw.TLS_CLIENT_CA_FILE,
    shutdownTimeout: parsePatience(raw.SHUTDOWN_TIMEOUT),
    maxRequestsPerHour: parseRate(raw.MAX_REQUESTS_PER_HOUR),
    requestTimeout: parseTimeout(raw.REQUEST_TIMEOUT),
    connectTimeout: parseTimeout(raw.CONNECT_TIMEOUT),
    idleTimeout: raw.IDLE_TIMEOUT === undefined ? undefined : parseTimeout(raw.IDLE_TIMEOUT),
    firstTokenTimeout: parseTimeout(raw.FIRST_TOKEN_TIMEOUT),
    noTokenTimeout: parseTimeout(raw.NO_TOKEN_TIMEOUT),
    retries: parseRetries(raw.RETRIES),
    heartbeatInterval: parseTimeout(raw.HEARTBEAT_INTERVAL),
    drainTimeout: parseTimeout(raw.DRAIN_TIMEOUT),
    lossy: raw.LOSSY,
    maxBodySize: parseSize(raw.MAX_BODY_SIZE),
    maxReplySize: parseSize(raw.MAX_REPLY_SIZE),
    maxUpstreamConnections: parseCount(raw.MAX_UPSTREAM_CONNECTIONS),
    maxQueue: parseCount(raw.MAX_QUEUE),
    httpsProxy: raw.HTTPS_PROXY,
    noProxy: raw.NO_PROXY,
    dataDir: raw.DATA_DIR,
    ledgerOnError: raw.LEDGER_ON_ERROR,
    ledgerRetention: parsePeriod(raw.LEDGER_RETENTION),
    pricesFile: raw.PRICES_FILE,
    redisUrl: raw.REDIS_URL,
    limitsWithoutRedis: raw.LIMITS_WITHOUT_REDIS,
    replicas: parseCount(raw.REPLICAS),
    databaseUrl: raw.DATABASE_URL,
    adminKey: raw.ADMIN_KEY,
    metricsPort: raw.METRICS_PORT === undefined ? undefined : parsePort(raw.METRICS_PORT),
    metricsHost: raw.METRICS_HOST ?? raw.GATEWAY_HOST,
    logLevel: raw.LOG_LEVEL,
    logFormat: raw.LOG_FORMAT !== 'auto' ? raw.LOG_FORMAT : process.stdout.isTTY ? 'pretty' : 'json',
    logDir: raw.LOG_DIR,
    logBodies: raw.LOG_BODIES,
    logMaxSize: parseSize(raw.LOG_MAX_SIZE),
    logRetention: parsePeriod(raw.LOG_RETENTION),
    logBodyLimit: parseSize(raw.LOG_BODY_LIMIT),
    tracing: tracingOf(raw)
  }
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
