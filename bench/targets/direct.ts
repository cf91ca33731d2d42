import { REAL_KEY } from '../keys.ts'
import { makeFolder, MODEL, type Target } from './target.ts'
import { rmSync } from 'node:fs'

/** Nothing in between: what the client and the provider cost by themselves. */
export const direct: Target = {
  name: 'direct',
  async start (provider) {
    const folder = makeFolder()
    return {
      name: 'direct',
      port: provider,
      headers: { authorization: `Bearer ${REAL_KEY}` },
      model: MODEL,
      folder,
      startedIn: NaN,
      output: () => '',
      stop: async () => rmSync(folder, { recursive: true, force: true })
    }
  }
}
