import { fstatSync, write, writeSync } from 'node:fs'
import type { Writable } from 'node:stream'

/** Where log lines go. One call at a time. */
export interface Output {
  write (bytes: Buffer, done: (error?: Error | null) => void): void
  /** Writes at once, as far as that goes without waiting: for a process that is about to end. */
  writeNow (bytes: Buffer): void
}

const STDOUT = 1
const LINE_END = Buffer.from('\n')
/** ms before a terminal or file that another process made non-blocking is tried again. */
const RETRY = 50

/** Standard output, written without ever holding up the event loop. */
export function standardOutput (): Output {
  return isPipe() ? pipe() : file()
}

/** Any stream, for embedding programs and tests. */
export function streamOutput (stream: Writable): Output {
  // Without a listener an error would end the process. `write` hears of it too.
  stream.on('error', () => {})
  return {
    write: (bytes, done) => { stream.write(bytes, done) },
    writeNow: (bytes) => { stream.write(bytes) }
  }
}

function isPipe (): boolean {
  try {
    const stats = fstatSync(STDOUT)
    return stats.isFIFO() || stats.isSocket()
  } catch {
    // Standard output is closed: every write will say so.
    return false
  }
}

/**
 * Through the event loop, which waits for a full pipe as for any socket. A write in the thread pool would block there
 * for as long as nobody reads, and the process could not even exit, because that joins the pool's threads.
 */
function pipe (): Output {
  return {
    ...streamOutput(process.stdout),
    writeNow (bytes) {
      // Behind bytes that still wait in the stream, these would land in the middle of a line.
      if (process.stdout.writableLength === 0) writeNow(bytes)
    }
  }
}

/** In the thread pool: `process.stdout` would write to files and terminals synchronously. */
function file (): Output {
  // A full disk may have taken half a line, which must not run into the next one.
  let half = false
  const onNewLine = (bytes: Buffer): Buffer => half ? Buffer.concat([LINE_END, bytes]) : bytes
  return {
    write (lines, done) {
      const bytes = onNewLine(lines)
      const next = (at: number): void => {
        if (at > 0) half = bytes[at - 1] !== LINE_END[0]
        if (at === bytes.length) return done()
        write(STDOUT, bytes, at, (error, written) => {
          if (error === null) next(at + written)
          else if (error.code === 'EAGAIN') setTimeout(next, RETRY, at).unref()
          else done(error)
        })
      }
      next(0)
    },
    writeNow: (lines) => { writeNow(onNewLine(lines)) }
  }
}

function writeNow (bytes: Buffer): void {
  try {
    for (let at = 0; at < bytes.length;) at += writeSync(STDOUT, bytes, at)
  } catch {
    // A full or closed pipe: the process ends all the same.
  }
}
