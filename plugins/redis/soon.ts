/** In so many parts a wait is divided: what this process was busy with meanwhile counts as one of them at most. */
const PARTS = 5

/**
 * What a promise comes to, if it does within so many ms in which this process could have heard of it. While it is busy,
 * answers lie unread; between two parts of the wait they are read.
 * @throws where it takes longer
 */
export async function soon<T> (promise: Promise<T>, ms: number): Promise<T> {
  return await new Promise<T>((resolve, reject) => {
    let timer: NodeJS.Timeout
    const wait = (parts: number): void => {
      timer = setTimeout(() => setImmediate(() => {
        if (parts === 1) reject(new Error(`no answer in ${Math.round(ms)} ms`))
        else if (!settled) wait(parts - 1)
      }), ms / PARTS)
    }
    let settled = false
    const done = (): void => {
      settled = true
      clearTimeout(timer)
    }
    wait(PARTS)
    promise.then(resolve, reject).finally(done)
  })
}
