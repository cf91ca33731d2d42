import fp from 'fastify-plugin'
import rateLimit from '@fastify/rate-limit'
import type { Provider } from './providers/provider.ts'
import { dialects } from './providers/dialects/index.ts'
import errors, { tooManyRequests } from './plugins/errors.ts'
import http from './plugins/http/index.ts'
import config from './plugins/config/index.ts'
import load from './plugins/load/index.ts'
import tls from './plugins/tls/index.ts'
import prices from './plugins/prices/index.ts'
import logging from './plugins/logging/index.ts'
import keys from './plugins/keys/index.ts'
import providers from './plugins/providers.ts'
import tracing from './plugins/tracing/index.ts'
import tokens from './plugins/tokens/index.ts'
import upstream from './plugins/upstream/index.ts'
import quota from './plugins/quota/index.ts'
import database from './plugins/database/index.ts'
import postgres from './plugins/postgres/index.ts'
import ledger from './plugins/ledger/index.ts'
import reports from './plugins/ledger/reports/index.ts'
import stored from './plugins/stored.ts'
import docs from './plugins/docs.ts'
import metrics from './plugins/metrics/index.ts'
import admin from './routes/admin/index.ts'
import countTokens from './routes/count-tokens.ts'
import fallback from './routes/fallback.ts'
import health from './routes/health.ts'
import metricsRoute from './routes/metrics.ts'
import models from './routes/models.ts'
import relay from './routes/relay/index.ts'
import usage from './routes/usage.ts'

export { serverOptions } from './plugins/http/options.ts'
export type { Provider } from './providers/provider.ts'

export interface GatewayOptions {
  /** Where settings and `${NAME}`s in keys.json come from. Default: `process.env`. */
  env?: NodeJS.ProcessEnv
  /** Providers beyond those that `PROVIDERS` names. */
  providers?: Provider[]
}

/**
 * The gateway as one Fastify plugin, in the order its parts come up. To run it inside an application of your own:
 *
 *     const app = Fastify(serverOptions())
 *     await app.register(gateway)
 */
export const gateway = fp<GatewayOptions>(async (app, { env = process.env, providers: extra = [] }) => {
  await app.register(errors)
  await app.register(http)
  await app.register(config, { env, providers: extra })
  await app.register(tls)
  await app.register(load)
  await app.register(rateLimit, { global: false, addHeaders: noHeaders, addHeadersOnExceeding: noHeaders, errorResponseBuilder: tooManyRequests })
  await app.register(keys, { env })
  await app.register(prices)
  await app.register(logging, { dialect: (id) => dialects.get(id) })
  await app.register(tracing, { dialect: (id) => dialects.get(id) })
  await app.register(tokens)
  await app.register(upstream)
  await app.register(providers)
  await app.register(database)
  await app.register(postgres)
  await app.register(ledger)
  await app.register(reports)
  await app.register(quota)
  await app.register(stored)
  await app.register(docs)
  await app.register(metrics)

  await app.register(fallback)
  await app.register(health)
  // What lies in here needs a key.
  await app.register(async (guarded) => {
    guarded.addHook('onRequest', guarded.authenticate)
    await guarded.register(relay)
    await guarded.register(countTokens)
    await guarded.register(models)
    await guarded.register(usage)
  })
  await app.register(admin)
  await app.register(metricsRoute)
}, { name: 'llm-gateway', fastify: '5.x' })

/** Its `x-ratelimit-*` would read as a key's quota. */
const noHeaders = { 'x-ratelimit-limit': false, 'x-ratelimit-remaining': false, 'x-ratelimit-reset': false }
