import { hash } from 'node:crypto'
import type { SecureContextOptions } from 'node:tls'
import type { FastifyBaseLogger } from 'fastify'
import { FileFault } from '../file/fault.ts'
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
 * Looks at the files from time to time, as `keepReloading` does at one. A certificate and its key are two files, which
 * nobody replaces at the same moment: what does not fit together is reported once, and not before it was seen twice.
 * @returns stops it
 */
export async function keepPair ({ files, interval, log, load }: KeepingPair): Promise<() => void> {
  let inForce: string
  let suspect: string | undefined
  let reported: string | undefined
  let stopped = false

  const first = await readAll(files)
  load(judge(files, first), first.cert)
  inForce = digest(first)

  async function look (): Promise<void> {
    let id
    let fault
    try {
      const bytes = await readAll(files)
      id = digest(bytes)
      if (stopped || id === reported) return
      if (id !== inForce) load(judge(files, bytes), bytes.cert)
      else if (reported !== undefined) log.info('the TLS files are again those in force')
      inForce = id
      suspect = reported = undefined
      return
    } catch (error) {
      if (!(error instanceof FileFault)) throw error
      fault = error
      id ??= error.message
    }
    if (stopped || id === reported) return
    if (id !== suspect) {
      suspect = id
      return
    }
    reported = id
    log.error(`TLS not reloaded, the old certificate stays in force: ${fault.message}`)
  }

  function schedule (): NodeJS.Timeout {
    return setTimeout(() => {
      look()
        .catch((error: unknown) => log.error({ err: error }, 'TLS not reloaded, the old certificate stays in force'))
        .finally(() => { if (!stopped) timer = schedule() })
    }, interval).unref()
  }

  let timer = schedule()
  return () => {
    stopped = true
    clearTimeout(timer)
  }
}

/** A few KB each: looking at their dates first would save nothing. */
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
