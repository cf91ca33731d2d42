/**
 * What a promise comes to, if it does within so many ms. An answer that came while this process was busy is in time: it is
 * read before what is set for immediately.
 * @throws where it takes longer
 */
export async function soon<T> (promise: Promise<T>, ms: number): Promise<T> {
  return await new Promise<T>((resolve, reject) => {
    const timer = setTimeout(() => setImmediate(() => reject(new Error(`no answer in ${Math.round(ms)} ms`))), Math.max(1, ms))
    promise.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}
