import type { FastifyBaseLogger } from 'fastify'
import { FileFault } from './fault.ts'

/** What was read, and a text that tells it from all else. */
export interface Found<T> { id: string, content: T }

export interface Keeping<T> {
  /** What is in force at the beginning. */
  first: T
  /** Milliseconds between two looks. */
  interval: number
  log: FastifyBaseLogger
  /** What each line of the log has beside its words. */
  facts: Record<string, string>
  /** Of lines: how a content is refused, before the reason, and that the one in force is there again. */
  words: { refused: string, again: string }
  /**
   * What is there now; `undefined` where nothing can have changed since it was last asked.
   * @param doubted whether what was read last has to be seen a second time
   * @throws {FileFault}
   */
  read (doubted: boolean): Promise<Found<T> | undefined>
  /** The text that tells a content which was loaded. */
  loaded (content: T): string
  /**
   * Puts a new content in force, whole or not at all.
   * @throws {FileFault} and changes nothing
   */
  load (content: T): void | Promise<void>
}

export interface Kept {
  /** Whether what is there is in force, as far as is known. */
  readonly healthy: boolean
  /** Looks now, and has loaded what is new by its end. */
  look (): Promise<void>
  stop (): void
}

/**
 * Keeps what files hold in force, and looks at them from time to time. A bad content leaves what is in force as it is; it is
 * reported once, and not before it was seen twice: the first time a file may have been half-written, and of two that belong
 * together only one be new.
 */
export function keepInForce<T> ({ first, interval, log, facts, words, read, loaded, load }: Keeping<T>): Kept {
  let inForce = loaded(first)
  let suspect: string | undefined
  let reported: string | undefined
  let stopped = false
  let looking = Promise.resolve()
  let current = true

  /** One look at a time: the second of two may be for what the first came too early to see. */
  function look (): Promise<void> {
    looking = looking.then(lookOnce).catch((error: unknown) => {
      current = false
      log.error({ err: error }, words.refused)
    })
    return looking
  }

  async function lookOnce (): Promise<void> {
    const found = await faultOr(() => read(suspect !== undefined))
    if (found === undefined || stopped) return
    const id = found instanceof FileFault ? found.message : found.id
    if (id === inForce) {
      if (reported !== undefined) log.info(facts, words.again)
      suspect = reported = undefined
      current = true
      return
    }
    if (id === reported) {
      suspect = undefined
      return
    }
    const fault = found instanceof FileFault ? found : await faultOr(() => put(found.content))
    if (fault === undefined) {
      suspect = reported = undefined
      current = true
    } else if (id !== suspect) {
      suspect = id
    } else {
      suspect = undefined
      reported = id
      current = false
      log.error(facts, `${words.refused}: ${fault.message}`)
    }
  }

  async function put (content: T): Promise<undefined> {
    await load(content)
    inForce = loaded(content)
  }

  function schedule (): NodeJS.Timeout {
    return setTimeout(() => {
      void look().finally(() => { if (!stopped) timer = schedule() })
    }, interval).unref()
  }

  let timer = schedule()
  return {
    get healthy () { return current },
    look,
    stop () {
      stopped = true
      clearTimeout(timer)
    }
  }
}

async function faultOr<T> (act: () => Promise<T>): Promise<T | FileFault> {
  try {
    return await act()
  } catch (error) {
    if (!(error instanceof FileFault)) throw error
    return error
  }
}
