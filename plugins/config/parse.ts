import { parsePatience, parsePeriod, parseTimeout } from './duration.ts'
import { parseCount, parseNetworks, parsePort, parseRate, parseRetries } from './formats.ts'
import type { RawSettings } from './schema.ts'
import { parseSize } from './size.ts'
import { tracingOf } from './tracing.ts'

/** The settings that name no provider, as the gateway uses them. */
export type CommonSettings = ReturnType<typeof parseSettings>

/** What the texts of the environment, which are known to be right, mean. */
export function parseSettings (raw: RawSettings) {
  return {
    keysFile: raw.KEYS_FILE,
    host: raw.GATEWAY_HOST,
    /** 0: any free port. */
    port: parsePort(raw.GATEWAY_PORT),
    /** Whose `X-Forwarded-For` is believed; undefined: nobody's. */
    trustProxy: raw.TRUST_PROXY === undefined ? undefined : parseNetworks(raw.TRUST_PROXY),
    /** Undefined: plain HTTP. */
    tlsCertFile: raw.TLS_CERT_FILE,
    tlsKeyFile: raw.TLS_KEY_FILE,
    /** Undefined: clients need no certificate. */
    tlsClientCaFile: raw.TLS_CLIENT_CA_FILE,
    /** Milliseconds; 0: at once. */
    shutdownTimeout: parsePatience(raw.SHUTDOWN_TIMEOUT),
    /** Infinity: no limit. */
    maxRequestsPerHour: parseRate(raw.MAX_REQUESTS_PER_HOUR),
    /** Milliseconds; 0: no limit. */
    requestTimeout: parseTimeout(raw.REQUEST_TIMEOUT),
    /** Milliseconds; 0: no limit but that one. */
    connectTimeout: parseTimeout(raw.CONNECT_TIMEOUT),
    /** Milliseconds; 0: no limit. Undefined: as `requestTimeout`. */
    idleTimeout: raw.IDLE_TIMEOUT === undefined ? undefined : parseTimeout(raw.IDLE_TIMEOUT),
    /** Milliseconds; 0: no limit. */
    firstTokenTimeout: parseTimeout(raw.FIRST_TOKEN_TIMEOUT),
    /** Milliseconds; 0: no limit. */
    noTokenTimeout: parseTimeout(raw.NO_TOKEN_TIMEOUT),
    /** How often a request may be sent again. */
    retries: parseRetries(raw.RETRIES),
    /** Milliseconds; 0: none. */
    heartbeatInterval: parseTimeout(raw.HEARTBEAT_INTERVAL),
    /** Milliseconds; 0: none. */
    drainTimeout: parseTimeout(raw.DRAIN_TIMEOUT),
    /** For keys that do not say otherwise. */
    lossy: raw.LOSSY,
    /** Bytes. */
    maxBodySize: parseSize(raw.MAX_BODY_SIZE),
    /** Bytes. */
    maxReplySize: parseSize(raw.MAX_REPLY_SIZE),
    /** At each provider. */
    maxUpstreamConnections: parseCount(raw.MAX_UPSTREAM_CONNECTIONS),
    /** For each provider. */
    maxQueue: parseCount(raw.MAX_QUEUE),
    httpsProxy: raw.HTTPS_PROXY,
    noProxy: raw.NO_PROXY,
    dataDir: raw.DATA_DIR,
    ledgerOnError: raw.LEDGER_ON_ERROR,
    /** Milliseconds; 0: for good. */
    ledgerRetention: parsePeriod(raw.LEDGER_RETENTION),
    pricesFile: raw.PRICES_FILE,
    /** Undefined: limits are in memory. */
    redisUrl: raw.REDIS_URL,
    /** Undefined: `deny` where money is limited, `local` for the rest. */
    limitsWithoutRedis: raw.LIMITS_WITHOUT_REDIS,
    replicas: parseCount(raw.REPLICAS),
    /** Undefined: there is no common database. */
    databaseUrl: raw.DATABASE_URL,
    /** Of `/admin/*`. */
    adminKey: raw.ADMIN_KEY,
    /** Undefined: metrics are on the gateway's own port, if anywhere. */
    metricsPort: raw.METRICS_PORT === undefined ? undefined : parsePort(raw.METRICS_PORT),
    metricsHost: raw.METRICS_HOST ?? raw.GATEWAY_HOST,
    logLevel: raw.LOG_LEVEL,
    logFormat: raw.LOG_FORMAT !== 'auto' ? raw.LOG_FORMAT : process.stdout.isTTY ? 'pretty' : 'json',
    logDir: raw.LOG_DIR,
    logBodies: raw.LOG_BODIES,
    /** Bytes. */
    logMaxSize: parseSize(raw.LOG_MAX_SIZE),
    /** Milliseconds; 0: for good. */
    logRetention: parsePeriod(raw.LOG_RETENTION),
    /** Bytes. */
    logBodyLimit: parseSize(raw.LOG_BODY_LIMIT),
    /** Undefined: there are no spans. */
    tracing: tracingOf(raw)
  }
}
