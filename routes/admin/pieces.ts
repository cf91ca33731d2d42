import { Readable } from 'node:stream'
import { setImmediate } from 'node:timers/promises'

/** Rows of one piece: some milliseconds. */
const ROWS = 500

/** A long text made of many rows, piece by piece, so that replies of others are not held up by it. */
export function inPieces <Row> (rows: readonly Row[], { head, row, between = '', tail = '' }: { head: string, row: (row: Row) => string, between?: string, tail?: string }): Readable {
  async function * pieces (): AsyncGenerator<string> {
    yield head
    for (let at = 0; at < rows.length; at += ROWS) {
      yield `${at === 0 ? '' : between}${rows.slice(at, at + ROWS).map(row).join(between)}`
      await setImmediate()
    }
    yield tail
  }
  return Readable.from(pieces(), { objectMode: false })
}
