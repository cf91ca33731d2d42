import { getHeapStatistics, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import fp from 'fastify-plugin'

/** ms by which the event loop may lag. */
const MOST_LAG = 1000
/** Part of the heap's limit that may be in use. */
const MOST_HEAP = 0.9
/** The same of a small heap: V8 ends the process where four collections in a row leave more than 0.8, which there is soon. */
const MOST_SMALL_HEAP = 0.7
/** Part of it from which on it is looked at for each request: one of many small objects takes ten times its bytes. */
const MUCH_HEAP = 0.5
/** ms between two looks at the loop. */
const INTERVAL = 100
/** ms for which what was seen of the heap holds. */
const HEAP_INTERVAL = 50
/** Bytes of a heap that is collected in no time. Of a larger one little is in use that the collector has not looked at. */
const SMALL_HEAP = 512 * 1024 * 1024
/** Part of it that may be in use after a collection. */
const LEFT_HEAP = 0.6
/** ms between two collections. */
const COLLECT = 1000
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

  const limit = heapLimit()
  const small = limit <= SMALL_HEAP
  const most = limit * (small ? MOST_SMALL_HEAP : MOST_HEAP)
  let used = 0
  let heapSeen = -Infinity
  let collected = -Infinity
  let fullUntil = -Infinity
  function heapIsFull (): boolean {
    const now = performance.now()
    if (used < limit * MUCH_HEAP && now - heapSeen < HEAP_INTERVAL) return false
    heapSeen = now
    used = getHeapStatistics().used_heap_size
    if (used > most && small && now - collected > COLLECT) {
      collect()
      collected = performance.now()
      used = getHeapStatistics().used_heap_size
      // Where this much is left in use, what comes next takes the rest at once.
      if (used > limit * LEFT_HEAP) fullUntil = collected + COLLECT
    }
    return used > most || now < fullUntil
  }

  let told = -Infinity
  fastify.decorate('load', {
    excessive () {
      const what = lag > MOST_LAG ? 'event loop' : heapIsFull() ? 'heap' : undefined
      if (what !== undefined && performance.now() - told > TELL) {
        told = performance.now()
        fastify.log.warn({ lag: Math.round(lag), heap: used }, `overloaded (${what}): requests are refused with 503`)
      }
      return what
    },
    get lag () { return lag }
  })
  fastify.addHook('onClose', async () => clearInterval(timer))
}, { name: 'load', fastify: '5.x' })

/**
 * What is in use is what was not collected yet, too, and requests that are refused make nothing that the collector would
 * have to come for: a small heap would look full long after it is.
 */
function collect (): void {
  setFlagsFromString('--expose-gc')
  const gc = runInNewContext('gc') as () => void
  gc()
}

/** Bytes of the space of young objects where nothing else is said: V8 has three, of 64 MB each. */
const YOUNG = 64 * 1024 * 1024

/**
 * Bytes that can be in use for long. V8's own limit counts what young objects may take besides, in which nothing stays:
 * of a small heap that is most of it.
 */
function heapLimit (): number {
  const options = [...process.execArgv, ...(process.env['NODE_OPTIONS'] ?? '').split(' ')].join(' ')
  const semiSpace = /--max[-_]semi[-_]space[-_]size[= ](\d+)/.exec(options)?.[1]
  const { heap_size_limit: limit } = getHeapStatistics()
  return Math.max(limit - 3 * (semiSpace === undefined ? YOUNG : Number(semiSpace) * 1024 * 1024), limit / 4)
}
