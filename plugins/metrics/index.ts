import fp from 'fastify-plugin'
import { listen, type Listener, type Page } from './listener.ts'
import { Refusals } from './refusals.ts'
import { render } from './render.ts'
import { sourcesOf } from './sources.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** `null` where nothing is measured. */
    metrics: Metrics | null
  }
}

export interface Metrics extends Page {
  /** Of the listener of `METRICS_PORT`, once it listens. */
  readonly url: string | undefined
}

/**
 * `fastify.metrics`: what Prometheus is told. On a port of its own with `METRICS_PORT`, else on the gateway's with
 * `ADMIN_KEY` (`routes/metrics.ts`). Without either nothing is measured, and the library is not even loaded.
 */
export default fp(async (fastify) => {
  const { config: { adminKey, metricsPort, metricsHost }, exchanges, log } = fastify
  if (metricsPort === undefined && adminKey === undefined) {
    fastify.decorate('metrics', null)
    return
  }
  const { measure } = await import('./registry.ts')
  const refusals = new Refusals()
  const { registry, tally, close } = measure(sourcesOf(fastify), refusals)
  exchanges.onEnd((exchange) => tally.add(exchange))
  fastify.addHook('onError', (request, _reply, error, done) => {
    // What went out is a request of the ledger, whatever it was answered.
    if (request.exchange === null) refusals.add(error)
    done()
  })

  let rendering: Promise<string> | undefined
  let listener: Listener | undefined
  const metrics: Metrics = {
    contentType: registry.contentType,
    // Who asks meanwhile gets the same.
    render () {
      rendering ??= render(registry).finally(() => { rendering = undefined })
      return rendering
    },
    get url () { return listener?.url }
  }
  fastify.decorate('metrics', metrics)
  fastify.addHook('onClose', async () => close())
  if (metricsPort === undefined) return

  fastify.addHook('onReady', async () => {
    listener = await listen(metrics, metricsHost, metricsPort)
    log.info(`metrics at ${listener.url}/metrics`)
  })
  fastify.addHook('onClose', async () => listener?.close())
}, { name: 'metrics', fastify: '5.x', dependencies: ['config', 'database', 'errors', 'keys', 'logging', 'postgres', 'prices', 'quota', 'tracing', 'upstream'] })
