import fp from 'fastify-plugin'
import { Heap } from './heap.ts'

/** ms by which the event loop may lag. */
const MOST_LAG = 1000
/** ms between two looks at it. */
const INTERVAL = 100
/** ms between two log lines. */
const TELL = 60_000

export interface Load {
  /** What there is too much of; `undefined` where one more request may come. */
  excessive (): 'event loop' | 'heap' | undefined
  /** ms by which the event loop lagged twice in a row. */
  readonly lag: number
}

declare module 'fastify' {
  interface FastifyInstance {
    load: Load
  }
}

/** `fastify.load`: whether this process can take more. One that cannot says so at once, instead of to nobody, later. */
export default fp(async (fastify) => {
  // The lesser of the last two, so that one long pause, such as for a collection of garbage, refuses nobody.
  let lag = 0
  let before = 0
  let last = performance.now()
  const timer = setInterval(() => {
    const now = performance.now()
    const late = Math.max(0, now - last - INTERVAL)
    last = now
    lag = Math.min(before, late)
    before = late
  }, INTERVAL).unref()

  const heap = new Heap()
  let told = -Infinity
  fastify.decorate('load', {
    excessive () {
      const what = lag > MOST_LAG ? 'event loop' : heap.isFull() ? 'heap' : undefined
      if (what !== undefined && performance.now() - told > TELL) {
        told = performance.now()
        fastify.log.warn({ lag: Math.round(lag), heap: heap.used }, `overloaded (${what}): requests are refused with 503`)
      }
      return what
    },
    get lag () { return lag }
  })
  fastify.addHook('onClose', async () => clearInterval(timer))
}, { name: 'load', fastify: '5.x' })
