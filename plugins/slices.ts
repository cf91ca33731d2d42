/** Work that may be interrupted wherever it yields. */
export type Work<T> = Generator<undefined, T, undefined>

/** ms before other work has its turn. */
const SLICE = 4

/** Does all of it now: before anybody waits. */
export function atOnce<T> (work: Work<T>): T {
  let step = work.next()
  while (step.done !== true) step = work.next()
  return step.value
}

/** Does it in slices, between which the event loop comes round. */
export async function inSlices<T> (work: Work<T>): Promise<T> {
  for (;;) {
    await new Promise((resolve) => setImmediate(resolve))
    const until = performance.now() + SLICE
    do {
      const step = work.next()
      if (step.done === true) return step.value
    } while (performance.now() < until)
  }
}
