import { getHeapStatistics } from 'node:v8'
import fp from 'fastify-plugin'

/** ms by which the event loop may lag. */
const MOST_LAG = 1000
/** Part of the heap's limit that may be in use. */
const MOST_HEAP = 0.9
/** ms between two looks at the loop. */
const INTERVAL = 100
/** ms for which what was seen of the heap holds. */
const HEAP_INTERVAL = 50
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

  let full = false
  let heapSeen = -Infinity
  function heapIsFull (): boolean {
    const now = performance.now()
    if (now - heapSeen < HEAP_INTERVAL) return full
    heapSeen = now
    const { used_heap_size: used, heap_size_limit: limit } = getHeapStatistics()
    full = used > limit * MOST_HEAP
    return full
  }

  let told = -Infinity
  fastify.decorate('load', {
    excessive () {
      const what = lag > MOST_LAG ? 'event loop' : heapIsFull() ? 'heap' : undefined
      if (what !== undefined && performance.now() - told > TELL) {
        told = performance.now()
        fastify.log.warn({ lag: Math.round(lag), heap: getHeapStatistics().used_heap_size }, `overloaded (${what}): requests are refused with 503`)
      }
      return what
    },
    get lag () { return lag }
  })
  fastify.addHook('onClose', async () => clearInterval(timer))
}, { name: 'load', fastify: '5.x' })
