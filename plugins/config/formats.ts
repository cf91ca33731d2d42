import { isIP } from 'node:net'
import { isNetwork } from '../networks.ts'
import { parseBaseUrl } from './base-url.ts'
import { parsePatience, parsePeriod, parseTimeout } from './duration.ts'
import { parseSize } from './size.ts'

/** Readers of the schema's formats. Each throws an error whose message completes a sentence that begins with the text. */
const readers: Record<string, (text: string) => unknown> = {
  host: parseHost,
  port: parsePort,
  rate: parseRate,
  count: parseCount,
  retries: parseRetries,
  timeout: parseTimeout,
  period: parsePeriod,
  patience: parsePatience,
  size: parseSize,
  networks: parseNetworks,
  secret: parseSecret,
  'base-url': parseBaseUrl,
  'proxy-url': parseProxyUrl,
  'redis-url': parseRedisUrl,
  'postgres-url': parsePostgresUrl
}

/** What may hold a secret, and is not repeated when it is wrong. */
export const SECRET: ReadonlySet<string | undefined> = new Set(['secret', 'base-url', 'proxy-url', 'redis-url', 'postgres-url'])

/** What travels in a header, whatever stands before it, and cannot be guessed. */
function parseSecret (text: string): string {
  if (text.length < 16) throw new Error('is shorter than 16 characters')
  if (!/^[\x21-\x2b\x2d-\x7e]{1,512}$/.test(text)) throw new Error('has other characters than visible ASCII without commas, or more than 512')
  return text
}

function parseHost (text: string): string {
  if (isIP(text) === 0 && !/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/i.test(text)) throw new Error('is not an IP address or host name')
  return text
}

export function parseNetworks (text: string): string[] {
  const networks = text.split(',').map((network) => network.trim())
  if (!networks.every(isNetwork)) throw new Error('is not a list of IP addresses and networks in CIDR notation')
  return networks
}

export function parsePort (text: string): number {
  if (!/^\d{1,5}$/.test(text) || Number(text) > 65535) throw new Error('is not a port from 0 to 65535')
  return Number(text)
}

/** @returns requests; Infinity for `unlimited` */
export function parseRate (text: string): number {
  if (text === 'unlimited') return Infinity
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(Number(text))) throw new Error('is neither a whole number from 0 nor "unlimited"')
  return Number(text)
}

export function parseCount (text: string): number {
  if (!/^[1-9]\d{0,4}$/.test(text)) throw new Error('is not a whole number from 1 to 99999')
  return Number(text)
}

export function parseRetries (text: string): number {
  if (!/^(\d|10)$/.test(text)) throw new Error('is not a whole number from 0 to 10')
  return Number(text)
}

function parseProxyUrl (text: string): string {
  const url = URL.parse(text)
  if (url === null || !/^https?:\/\/[^/]/.test(text)) throw new Error('is not a URL of the form http://HOST:PORT or http://USER:PASSWORD@HOST:PORT')
  checkEncoded([url.username, url.password])
  return text
}

function parseRedisUrl (text: string): string {
  if (!URL.canParse(text) || !/^rediss?:\/\/[^/]/.test(text)) throw new Error('is not a URL of the form redis://HOST:PORT/NUMBER or rediss://…')
  return text
}

function checkEncoded (parts: string[]): void {
  for (const part of parts) {
    try {
      decodeURIComponent(part)
    } catch {
      throw new Error('has a "%" in its user name or password that is none: write %25')
    }
  }
}

const SSL_MODES = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full']

function parsePostgresUrl (text: string): string {
  const url = URL.parse(text)
  if (url === null || !/^postgres(ql)?:$/.test(url.protocol) || url.hostname === '') throw new Error('is not a URL of the form postgres://USER:PASSWORD@HOST:PORT/DATABASE')
  checkEncoded([url.username, url.password])
  const mode = url.searchParams.get('sslmode')
  if (mode !== null && !SSL_MODES.includes(mode)) throw new Error(`has an sslmode that is none of ${SSL_MODES.join(', ')}`)
  return text
}

/** What is wrong with a text, to complete a sentence that begins with it. */
export function formatFault (format: string, text: string): string | undefined {
  try {
    readers[format]?.(text)
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

/** The formats, as a validator takes them. */
export const formats = Object.fromEntries(Object.keys(readers).map((format) => [format, (text: string) => formatFault(format, text) === undefined]))
