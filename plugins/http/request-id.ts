import { randomBytes } from 'node:crypto'

/** This process's part of every id: no two gateways make the same. The first two bits are the variant's. */
const random = randomBytes(8)
random[0] = (random[0] as number & 0x3f) | 0x80
const origin = random.toString('hex').replace(/^(.{4})/, '$1-')

let last = 0
let count = 0

/**
 * A new UUID of version 7 (RFC 9562): in the order of time, so that an index of them grows at its end only. Within a
 * millisecond they are counted, and a clock that goes back is waited out.
 */
export function newRequestId (now = Date.now()): string {
  if (now > last) {
    last = now
    count = 0
  } else if (++count > 0xfff) {
    last++
    count = 0
  }
  const time = last.toString(16).padStart(12, '0')
  return `${time.slice(0, 8)}-${time.slice(8)}-7${count.toString(16).padStart(3, '0')}-${origin}`
}
