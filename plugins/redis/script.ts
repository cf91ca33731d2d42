import { createHash } from 'node:crypto'

/** A Lua script: one atomic step. Redis knows it by its digest. It counts time by Redis' own clock, never a gateway's. */
export interface Script { name: string, sha: string, source: string }

export function scriptOf (name: string, source: string): Script {
  return { name, source, sha: createHash('sha1').update(source).digest('hex') }
}
