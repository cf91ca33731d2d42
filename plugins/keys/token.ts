import { randomBytes } from 'node:crypto'
import { crc32 } from 'node:zlib'

const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

/** 160 bits, which are at most 27 digits of base 62. */
const BYTES = 20
const LENGTH = 27

/** 2³² is less than 62⁶. */
const CHECK_LENGTH = 6

/** What scanners for secrets look for. Its last six characters are a checksum, so that hardly anything else matches: `isIssued`. */
export const ISSUED = /vk_[0-9A-Za-z]{33}/

/** A new virtual key: a prefix, randomness, and a checksum of it. */
export function newToken (): string {
  const random = base62(BigInt(`0x${randomBytes(BYTES).toString('hex')}`), LENGTH)
  return `vk_${random}${checksum(random)}`
}

/** Whether a text is a key that `newToken` may have made. */
export function isIssued (text: string): boolean {
  const [found] = ISSUED.exec(text) ?? []
  return found === text && text.slice(-CHECK_LENGTH) === checksum(text.slice(3, -CHECK_LENGTH))
}

function checksum (text: string): string {
  return base62(BigInt(crc32(text)), CHECK_LENGTH)
}

function base62 (number: bigint, length: number): string {
  let text = ''
  for (let rest = number; text.length < length; rest /= 62n) text = `${DIGITS[Number(rest % 62n)]}${text}`
  return text
}
