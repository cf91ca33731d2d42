import { hash } from 'node:crypto'
import type { SecureContextOptions } from 'node:tls'
import type { FastifyBaseLogger } from 'fastify'
import { FileFault } from '../file/fault.ts'
import { keepInForce } from '../file/in-force.ts'
import { readBytes, type Source } from '../file/source.ts'
import { judge, nameFault, type TlsBytes, type TlsFiles } from './pair.ts'

export interface KeepingPair {
  files: TlsFiles
  /** Milliseconds between two looks at them. */
  interval: number
  log: FastifyBaseLogger
  /** Called with the pair at the beginning, and with every new one. */
  load (pair: SecureContextOptions, cert: Buffer): void
}

/**
 * Keeps a certificate and its key in force. They are two files, which nobody replaces at the same moment.
 * @returns stops it
 */
export async function keepPair ({ files, interval, log, load }: KeepingPair): Promise<() => void> {
  const put = (bytes: TlsBytes): void => load(judge(files, bytes), bytes.cert)
  const first = await readAll(files)
  put(first)
  const { stop } = keepInForce({
    first,
    interval,
    log,
    facts: {},
    words: { refused: 'TLS not reloaded, the old certificate stays in force', again: 'the TLS files are again those in force' },
    async read () {
      // A few KB each: looking at their dates first would save nothing.
      const content = await readAll(files)
      return { id: digest(content), content }
    },
    loaded: digest,
    load: put
  })
  return stop
}

async function readAll ({ cert, key, clientCa }: TlsFiles): Promise<TlsBytes> {
  return {
    cert: await read(cert),
    key: await read(key),
    ...clientCa !== undefined && { clientCa: await read(clientCa) }
  }
}

async function read (source: Source): Promise<Buffer> {
  try {
    return await readBytes(source)
  } catch (error) {
    throw error instanceof FileFault ? nameFault(source, error) : error
  }
}

function digest ({ cert, key, clientCa }: TlsBytes): string {
  return [cert, key, clientCa ?? ''].map((bytes) => hash('sha256', bytes)).join()
}
