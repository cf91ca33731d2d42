import { createBrotliDecompress, createGunzip, createInflate, createZstdDecompress } from 'node:zlib'
import type { Transform } from 'node:stream'

/** Decompresses a reply as it comes. */
export interface Decoder {
  write (chunk: Buffer): void
  end (): void
  resume (): void
  destroy (): void
}

export interface DecoderEvents {
  /** @returns false to pause until `resume` */
  data (chunk: Buffer): boolean
  end (): void
  error (): void
  /** Asks the source to hold back, and to go on. */
  pause (): void
  resume (): void
}

const encodings: ReadonlyMap<string, () => Transform> = new Map(Object.entries({
  gzip: createGunzip,
  'x-gzip': createGunzip,
  deflate: createInflate,
  br: createBrotliDecompress,
  zstd: createZstdDecompress
}))

/**
 * For a provider that compresses although it was asked for `identity`. One encoding only: a list of them multiplies
 * without bound. `undefined` where it is not known.
 */
export function decoder (encoding: string | string[], events: DecoderEvents): Decoder | undefined {
  const make = encodings.get(nameOf(encoding))
  if (make === undefined) return undefined
  const stream = make()
  stream.on('data', (chunk: Buffer) => { if (!events.data(chunk)) stream.pause() })
  stream.on('end', events.end)
  stream.on('error', events.error)
  stream.on('drain', events.resume)
  return {
    write: (chunk) => { if (!stream.write(chunk)) events.pause() },
    end: () => stream.end(),
    resume: () => stream.resume(),
    destroy: () => stream.destroy()
  }
}

/** Whether it says that nothing is compressed. */
export function isPlain (encoding: string | string[]): boolean {
  return nameOf(encoding) === '' || nameOf(encoding) === 'identity'
}

/** Of several it is the name of none. */
function nameOf (encoding: string | string[]): string {
  return String(encoding).trim().toLowerCase()
}
