import { Type, type Static, type TSchema } from 'typebox'
import { compatibleHelp, defaultProviders } from '../../providers/index.ts'
import type { Provider } from '../../providers/provider.ts'
import { TracingSettings } from './tracing.ts'

/**
 * Every setting of the environment. The README's table is made from it, and the first example is the one shown to
 * whoever writes a wrong value. An empty variable counts as unset: compose files pass `${NAME:-}`.
 */
export const Settings = Type.Object({
  KEYS_FILE: Type.String({
    default: 'keys.json',
    description: 'The file of virtual keys. It is read again when it changes.',
    examples: ['keys.json']
  }),
  GATEWAY_HOST: Type.String({
    format: 'host',
    default: '127.0.0.1',
    description: 'The address to listen on. `0.0.0.0` listens on all; the container image sets it.',
    examples: ['0.0.0.0']
  }),
  GATEWAY_PORT: Type.String({
    format: 'port',
    default: '8080',
    description: 'The port to listen on. `0` takes any free port.',
    examples: ['8080']
  }),
  TRUST_PROXY: Type.Optional(Type.String({
    format: 'networks',
    description: 'The addresses and networks, separated by commas, of the balancers in front: from them `X-Forwarded-For` says where a request is from, with ports or without. Without it nobody is believed.',
    examples: ['10.0.0.0/8,fd00::/8']
  })),
  TLS_CERT_FILE: Type.Optional(Type.String({
    description: 'The certificate to speak HTTPS with, and what leads from it to its authority, as PEM. It is read again when it changes. Without it the gateway speaks plain HTTP.',
    examples: ['/run/secrets/tls.crt']
  })),
  TLS_KEY_FILE: Type.Optional(Type.String({
    description: 'The private key of `TLS_CERT_FILE`, as PEM without a passphrase.',
    examples: ['/run/secrets/tls.key']
  })),
  TLS_CLIENT_CA_FILE: Type.Optional(Type.String({
    description: 'The authorities whose clients are let in, as PEM: with it, every connection needs a client certificate that one of them has signed.',
    examples: ['/run/secrets/clients.crt']
  })),
  SHUTDOWN_TIMEOUT: Type.String({
    format: 'patience',
    default: '30s',
    description: 'How long replies may go on once the gateway is told to stop; those that are silent get 10 s at most. `0` ends them at once.',
    examples: ['30s', '0']
  }),
  MAX_REQUESTS_PER_HOUR: Type.String({
    format: 'rate',
    default: '100',
    description: 'Requests an hour for each virtual key. `0` allows none, `unlimited` sets no limit.',
    examples: ['1000', 'unlimited']
  }),
  REQUEST_TIMEOUT: Type.String({
    format: 'timeout',
    default: '30s',
    description: 'How long to wait for a reply\'s headers, and then between two pieces of its body; never a limit on the whole of a stream. A duration in Go\'s syntax; `0` sets no limit.',
    examples: ['30s', '1h30m', '500ms', '0']
  }),
  CONNECT_TIMEOUT: Type.String({
    format: 'timeout',
    default: '10s',
    description: 'How long to wait for a connection to a provider; never longer than `REQUEST_TIMEOUT`.',
    examples: ['10s']
  }),
  IDLE_TIMEOUT: Type.Optional(Type.String({
    format: 'timeout',
    description: 'How long a reply may be silent between two pieces, instead of `REQUEST_TIMEOUT`. Comments in a stream are pieces.',
    examples: ['2m', '0']
  })),
  FIRST_TOKEN_TIMEOUT: Type.String({
    format: 'timeout',
    default: '0',
    description: 'How long to wait for the first content of a stream before the key\'s next target is asked, where it has one. `0` sets no limit.',
    examples: ['20s', '0']
  }),
  NO_TOKEN_TIMEOUT: Type.String({
    format: 'timeout',
    default: '10m',
    description: 'How long a stream may send comments and no token. `0` sets no limit.',
    examples: ['10m', '0']
  }),
  RETRIES: Type.String({
    format: 'retries',
    default: '2',
    description: 'How often a request is sent again where the provider is sure not to have taken it, such as after a 429 or 503. All waits of a call together take at most a second.',
    examples: ['2', '0']
  }),
  HEARTBEAT_INTERVAL: Type.String({
    format: 'timeout',
    default: '15s',
    description: 'How long a stream may be silent before the gateway sends its client a heartbeat, so that no balancer in between cuts it. `0` sends none.',
    examples: ['15s', '0']
  }),
  DRAIN_TIMEOUT: Type.String({
    format: 'timeout',
    default: '30s',
    description: 'How long the reply to a client that has left is read on, for keys with `"on_disconnect": "drain"`. `0` reads none on.',
    examples: ['30s', '0']
  }),
  LOSSY: Type.Enum(['report', 'reject'], {
    default: 'report',
    description: 'What becomes of a request that cannot be said fully in the provider\'s format: `report` names the fields in `x-gateway-lossy` and the log, `reject` answers 400 and names them.',
    examples: ['reject']
  }),
  MAX_BODY_SIZE: Type.String({
    format: 'size',
    default: '32MB',
    description: 'The largest request body. Units are `B`, `KB`, `MB` and `GB`, each 1024 of the one before.',
    examples: ['32MB']
  }),
  MAX_REPLY_SIZE: Type.String({
    format: 'size',
    default: '64MB',
    description: 'The largest reply that is held whole: JSON must be judged before its first byte goes out. Streams and files pass whatever their length.',
    examples: ['64MB']
  }),
  MAX_UPSTREAM_CONNECTIONS: Type.String({
    format: 'count',
    default: '4096',
    description: 'How many requests may be under way at each provider. More wait.',
    examples: ['4096']
  }),
  MAX_QUEUE: Type.String({
    format: 'count',
    default: '1024',
    description: 'How many requests may wait for each provider. More are answered 503 at once.',
    examples: ['1024']
  }),
  HTTPS_PROXY: Type.Optional(Type.String({
    format: 'proxy-url',
    description: 'The proxy through which providers with `https://` are reached. `https_proxy` goes before it.',
    examples: ['http://user:password@proxy.internal:3128']
  })),
  NO_PROXY: Type.Optional(Type.String({
    description: 'The hosts that are reached without it, separated by commas, each with all below it; `*` for all. `no_proxy` goes before it.',
    examples: ['internal.example,10.0.0.7']
  })),
  ADMIN_KEY: Type.Optional(Type.String({
    format: 'secret',
    description: 'The key of `/admin/*`: at least 16 visible ASCII characters, of which none is a comma. Without it there are no such paths.',
    examples: ['$(openssl rand -hex 24)']
  })),
  METRICS_PORT: Type.Optional(Type.String({
    format: 'port',
    description: 'The port of `/metrics` for Prometheus, which anyone who reaches it may read. Without it they are on the gateway\'s own port, for `ADMIN_KEY`; without that too, there are none.',
    examples: ['9464']
  })),
  METRICS_HOST: Type.Optional(Type.String({
    format: 'host',
    description: 'The address that `METRICS_PORT` listens on. Unset: as `GATEWAY_HOST`.',
    examples: ['127.0.0.1']
  })),
  PROVIDERS: Type.String({
    default: defaultProviders.join(','),
    description: `The providers to load, separated by commas: built-in names, npm packages, or paths of provider plugins. ${compatibleHelp}`,
    examples: [`${defaultProviders[0]},compatible:groq,./acme.js`]
  }),
  DATA_DIR: Type.String({
    default: 'data',
    description: 'The folder of what the gateway itself keeps: the ledger, and which key made which file. One process at a time has it.',
    examples: ['data']
  }),
  LEDGER_ON_ERROR: Type.Enum(['serve', 'refuse'], {
    default: 'serve',
    description: 'What a full or broken disk means: `serve` goes on and keeps rows in memory until it is mended, `refuse` answers 503. Keys with a budget are always refused.',
    examples: ['refuse']
  }),
  LEDGER_RETENTION: Type.String({
    format: 'period',
    default: '0',
    description: 'How long the ledger\'s rows are kept; their sums stay. `0` keeps them for good.',
    examples: ['2160h']
  }),
  PRICES_FILE: Type.Optional(Type.String({
    description: 'A file of prices that go before the built-in ones, in the gateway\'s format or LiteLLM\'s. It is read again when it changes.',
    examples: ['prices.json']
  })),
  REDIS_URL: Type.Optional(Type.String({
    format: 'redis-url',
    description: 'The Redis (6.2 or newer) in which all gateways of one installation count together, and tell each other which targets are at rest; `rediss://` with TLS. Without it each counts for itself, in memory.',
    examples: ['redis://localhost:6379/0']
  })),
  LIMITS_WITHOUT_REDIS: Type.Optional(Type.Enum(['deny', 'local'], {
    description: 'What becomes of limited requests while Redis is away: `deny` refuses them with 503, `local` gives each gateway its part of every limit (see `REPLICAS`). Unset: `deny` where a budget is, `local` for the rest.',
    examples: ['local']
  })),
  REPLICAS: Type.String({
    format: 'count',
    default: '1',
    description: 'How many gateways share the limits: by this number limits are divided while Redis is away.',
    examples: ['3']
  }),
  DATABASE_URL: Type.Optional(Type.String({
    format: 'postgres-url',
    description: 'The PostgreSQL (12 or newer) to which all gateways of one installation send the rows of their ledgers; TLS with `?sslmode=verify-full`. Without it each keeps its own.',
    examples: ['postgres://gateway:secret@db.internal:5432/gateway']
  })),
  LOG_LEVEL: Type.Enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'], {
    default: 'info',
    description: 'The least severe lines to print: `fatal`, `error`, `warn`, `info`, `debug`, `trace`, or `silent` for none.',
    examples: ['info']
  }),
  LOG_FORMAT: Type.Enum(['auto', 'pretty', 'json'], {
    default: 'auto',
    description: '`pretty`, `json`, or `auto`: pretty on a terminal, else JSON.',
    examples: ['json']
  }),
  LOG_DIR: Type.String({
    default: 'logs',
    description: 'The folder of the logged requests and replies.',
    examples: ['logs']
  }),
  LOG_BODIES: Type.Enum(['full', 'metadata', 'off'], {
    default: 'full',
    description: 'What is written to `LOG_DIR`: `full` requests and replies, `metadata` without bodies, or `off` for nothing.',
    examples: ['metadata']
  }),
  LOG_MAX_SIZE: Type.String({
    format: 'size',
    default: '100MB',
    description: 'The size at which a new log file is begun.',
    examples: ['100MB']
  }),
  LOG_RETENTION: Type.String({
    format: 'period',
    default: '168h',
    description: 'How long log files are kept. `0` keeps them for good.',
    examples: ['168h']
  }),
  LOG_BODY_LIMIT: Type.String({
    format: 'size',
    default: '1MB',
    description: 'The size at which a logged body is cut, and marked as cut.',
    examples: ['1MB']
  }),
  ...TracingSettings.properties
})

/** The schema of some settings, by variable. */
export interface SettingsSchema { properties: Record<string, TSchema> }

/** The settings as they stand in the environment, defaults filled in. */
export type RawSettings = Static<typeof Settings>

/** The name of the setting that says where a provider is. */
export function baseUrlName (provider: Provider): string {
  return `${prefixOf(provider)}_BASE_URL`
}

/** The timers that a provider may have of its own, by what stands behind its name in the setting's. */
export const providerTimers = {
  CONNECT_TIMEOUT: 'connect',
  REQUEST_TIMEOUT: 'request',
  IDLE_TIMEOUT: 'idle',
  FIRST_TOKEN_TIMEOUT: 'firstToken',
  NO_TOKEN_TIMEOUT: 'noToken'
} as const

export type ProviderTimer = typeof providerTimers[keyof typeof providerTimers]

/** The names of the settings of a provider's own timers, and which each is. */
export function timerNames (provider: Provider): Array<[name: string, timer: ProviderTimer]> {
  return Object.entries(providerTimers).map(([timer, field]) => [`${prefixOf(provider)}_${timer}`, field])
}

function prefixOf ({ name }: Provider): string {
  return name.toUpperCase().replaceAll('-', '_')
}

/** The settings, and each provider's own. A provider without an address makes its setting a required one. */
export function settingsWith (providers: Provider[]) {
  const addresses = providers.map((provider) => [baseUrlName(provider), Type.String({
    format: 'base-url',
    ...(provider.baseUrl !== undefined && { default: provider.baseUrl }),
    description: `Where provider \`${provider.name}\` is.`,
    examples: [provider.baseUrl ?? 'https://api.example.com/v1']
  })] as const)
  const timers = providers.flatMap(timerNames).map(([name]) => [name, Type.Optional(Type.String({ format: 'timeout', examples: ['90s', '0'] }))] as const)
  return Type.Object({ ...Settings.properties, ...Object.fromEntries(addresses), ...Object.fromEntries(timers) })
}
