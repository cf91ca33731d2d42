/** Bytes as one chunk of a body whose length nobody knows (RFC 9112 § 7.1). */
export function chunk (bytes: Buffer): Buffer {
  const head = `${bytes.length.toString(16)}\r\n`
  const whole = Buffer.allocUnsafe(head.length + bytes.length + 2)
  whole.write(head, 'latin1')
  bytes.copy(whole, head.length)
  whole.write('\r\n', head.length + bytes.length, 'latin1')
  return whole
}

/** What ends such a body. */
export const LAST_CHUNK = '0\r\n\r\n'
