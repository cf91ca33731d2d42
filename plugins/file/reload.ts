import { hash } from 'node:crypto'
import type { FastifyBaseLogger } from 'fastify'
import { keepInForce, type Found, type Kept } from './in-force.ts'
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

/**
 * Keeps what one file holds in force. It looks at the path from time to time, because watching a file misses what happens to its
 * links and on network drives. A file that was replaced where the path does not lead is reported, too, once it was seen twice.
 */
export function keepReloading ({ source, name, interval, bytes, log, load, beside }: Reloading): Kept {
  const file = source.path
  const refused = `${name} not reloaded, the old ones stay in force`
  let lastMark: string | undefined
  const nameless = new Nameless()

  async function read (doubted: boolean): Promise<Found<Buffer> | undefined> {
    const before = lastMark
    // What fails below is tried again the next time.
    lastMark = undefined
    const others = await beside?.look() ?? ''
    const mark = await markOf(source)
    tell(nameless.look(mark.links))
    const text = `${mark.text}${others}`
    if (text === before && !doubted) {
      lastMark = before
      return undefined
    }
    const content = await readBytes(source)
    if (!mark.fresh) lastMark = text
    return { id: `${hash('sha256', content)}${others}`, content }
  }

  function tell (news: 'lost' | 'found' | undefined): void {
    if (news === 'lost') {
      log.error({ file }, `${refused}: the file was replaced or deleted where it is mounted from, ` +
        'and the new one cannot be seen from here: restart, and mount its folder instead of the file alone, or write the file in place')
    }
    if (news === 'found') log.info({ file }, `the ${name} file has a name again, and changes of it are seen`)
  }

  const kept = keepInForce({
    first: bytes,
    interval,
    log,
    facts: { file },
    words: { refused, again: `the ${name} file is again the one in force` },
    read,
    loaded: (content) => `${hash('sha256', content)}${beside?.loaded() ?? ''}`,
    load
  })
  return {
    get healthy () { return kept.healthy && !nameless.sure },
    look: kept.look,
    stop: kept.stop
  }
}
