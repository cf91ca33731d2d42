/** Bytes of a piece of memory from which on it is worth the call. */
const LARGE = 16 * 1024

/**
 * Gives memory back that nobody reads any more, and does not leave it to the collector: V8 looks through the whole heap after
 * each 64 MB that lie outside of it, dead or alive, a few milliseconds each time; long prompts were that twelve times a second.
 * Whoever still holds the buffer, or a part of it, finds it empty. A buffer that is itself a part of a larger one stays as it is.
 */
export function free ({ buffer, byteLength }: Buffer): void {
  if (byteLength >= LARGE && byteLength === buffer.byteLength && buffer instanceof ArrayBuffer) buffer.transfer(0)
}
