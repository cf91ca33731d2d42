import { getHeapStatistics, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** Part of the heap's limit that may be in use. */
const MOST = 0.9
/** The same of a small heap: V8 ends the process where four collections in a row leave more than 0.8, which there is soon. */
const MOST_SMALL = 0.7
/** Part of it from which on it is looked at for each request: one of many small objects takes ten times its bytes. */
const MUCH = 0.5
/** ms for which what was seen of it holds. */
const INTERVAL = 50
/** Bytes of a heap that is collected in no time. Of a larger one little is in use that the collector has not looked at. */
const SMALL = 512 * 1024 * 1024
/** Part of it that may be in use after a collection. */
const LEFT = 0.6
/** ms between two collections. */
const COLLECT = 1000

/** JavaScript's own memory. Where it is full V8 ends the process, and all streams with it. */
export class Heap {
  readonly #limit = limitOf()
  readonly #small = this.#limit <= SMALL
  readonly #most = this.#limit * (this.#small ? MOST_SMALL : MOST)
  #used = 0
  #seen = -Infinity
  #collected = -Infinity
  #fullUntil = -Infinity

  /** Bytes that were in use when it was last looked at. */
  get used (): number {
    return this.#used
  }

  isFull (): boolean {
    const now = performance.now()
    if (this.#used < this.#limit * MUCH && now - this.#seen < INTERVAL) return false
    this.#seen = now
    this.#used = getHeapStatistics().used_heap_size
    if (this.#used > this.#most && this.#small && now - this.#collected > COLLECT) {
      collect()
      this.#collected = performance.now()
      this.#used = getHeapStatistics().used_heap_size
      // Where this much is left in use, what comes next takes the rest at once.
      if (this.#used > this.#limit * LEFT) this.#fullUntil = this.#collected + COLLECT
    }
    return this.#used > this.#most || now < this.#fullUntil
  }
}

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
function limitOf (): number {
  const options = [...process.execArgv, ...(process.env['NODE_OPTIONS'] ?? '').split(' ')].join(' ')
  const semiSpace = /--max[-_]semi[-_]space[-_]size[= ](\d+)/.exec(options)?.[1]
  const { heap_size_limit: limit } = getHeapStatistics()
  return Math.max(limit - 3 * (semiSpace === undefined ? YOUNG : Number(semiSpace) * 1024 * 1024), limit / 4)
}
