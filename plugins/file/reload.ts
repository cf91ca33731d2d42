import { hash } from 'node:crypto'
import type { FastifyBaseLogger } from 'fastify'
import { FileFault } from './fault.ts'
import { Nameless } from './nameless.ts'
import { markOf, readBytes, type Source } from './source.ts'

export interface Reloading {
  source: Source
  /** What is in it, such as `keys`. */
  name: string
  /** Milliseconds between two looks at the file. */
  interval: number
  /** What is in force at the beginning. */
  bytes: Buffer
  log: FastifyBaseLogger
  /** Other files that the content names: texts that tell what was loaded of them, and what they hold now. */
  beside?: { loaded (): string, look (): Promise<string> }
  /**
   * Puts a new content in force, whole or not at all.
   * @throws {FileFault} and changes nothing
   */
  load (bytes: Buffer): void | Promise<void>
}

export interface Reload {
  /** Whether the file is the one in force, as far as is known. */
  readonly healthy: boolean
  /** Looks at the file now, and has loaded what is new in it by its end. */
  look (): Promise<void>
  stop (): void
}

type Content = { id: string, bytes: Buffer, fault?: undefined } | { id: string, fault: FileFault }

/**
 * Looks at the path from time to time, because watching a file misses what happens to its links and on network
 * drives. A bad file leaves what is in force as it is; it is reported once, and not before it was seen twice: the first
 * time it may have been half-written. So is a file that was replaced where the path does not lead.
 */
export function keepReloading ({ source, name, interval, bytes, log, load, beside }: Reloading): Reload {
  const file = source.path
  const loaded = (content: Buffer): string => `${hash('sha256', content)}${beside?.loaded() ?? ''}`
  let inForce = loaded(bytes)
  let lastMark: string | undefined
  let suspect: string | undefined
  let reported: string | undefined
  let stopped = false
  let looking = Promise.resolve()
  let current = true
  const nameless = new Nameless()

  /** `undefined` where nothing can have changed. */
  async function read (): Promise<Content | undefined> {
    try {
      const others = await beside?.look() ?? ''
      const mark = await markOf(source)
      tell(nameless.look(mark.links))
      if (`${mark.text}${others}` === lastMark && suspect === undefined) return undefined
      const bytes = await readBytes(source)
      lastMark = mark.fresh ? undefined : `${mark.text}${others}`
      return { id: `${hash('sha256', bytes)}${others}`, bytes }
    } catch (error) {
      if (!(error instanceof FileFault)) throw error
      lastMark = undefined
      return { id: error.message, fault: error }
    }
  }

  function tell (news: 'lost' | 'found' | undefined): void {
    if (news === 'lost') {
      log.error({ file }, `${name} not reloaded, the old ones stay in force: the file was replaced or deleted where it is mounted from, ` +
        'and the new one cannot be seen from here: restart, and mount its folder instead of the file alone, or write the file in place')
    }
    if (news === 'found') log.info({ file }, `the ${name} file has a name again, and changes of it are seen`)
  }

  /** One look at a time: the second of two may be for what the first came too early to see. */
  function look (): Promise<void> {
    looking = looking.then(lookOnce).catch((error: unknown) => {
      current = false
      log.error({ err: error }, `${name} not reloaded, the old ones stay in force`)
    })
    return looking
  }

  async function lookOnce (): Promise<void> {
    const content = await read()
    if (content === undefined || stopped) return
    if (content.id === inForce) {
      if (reported !== undefined) log.info({ file }, `the ${name} file is again the one in force`)
      suspect = reported = undefined
      current = true
      return
    }
    if (content.id === reported) {
      suspect = undefined
      return
    }
    const fault = content.fault ?? await faultOf(async () => {
      await load(content.bytes)
      inForce = loaded(content.bytes)
    })
    if (fault === undefined) {
      suspect = reported = undefined
      current = true
    } else if (content.id !== suspect) {
      suspect = content.id
    } else {
      suspect = undefined
      reported = content.id
      current = false
      log.error({ file }, `${name} not reloaded, the old ones stay in force: ${fault.message}`)
    }
  }

  function schedule (): NodeJS.Timeout {
    return setTimeout(() => {
      void look().finally(() => { if (!stopped) timer = schedule() })
    }, interval).unref()
  }

  let timer = schedule()
  return {
    get healthy () { return current && !nameless.sure },
    look,
    stop () {
      stopped = true
      clearTimeout(timer)
    }
  }
}

async function faultOf (act: () => Promise<void>): Promise<FileFault | undefined> {
  try {
    await act()
  } catch (error) {
    if (!(error instanceof FileFault)) throw error
    return error
  }
}
