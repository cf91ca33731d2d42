/**
 * A value that is made when it is first read, and again where it is read later and the garbage collector has taken it
 * meanwhile. Within one turn of the event loop it stays the same.
 *
 * @param first where it is there already
 */
export function collectable<T> (make: () => T, ...first: T[]): () => T {
  // In a box, because a text cannot be held weakly.
  let held: WeakRef<{ value: T }> | undefined
  const hold = (value: T): T => {
    held = new WeakRef({ value })
    return value
  }
  for (const value of first) hold(value)
  return () => {
    const box = held?.deref()
    return box === undefined ? hold(make()) : box.value
  }
}
