import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** One recorded exchange with a provider, as far as it is needed here. */
export interface Recording {
  id: string
  provider: string
  dialect: string
  request: { body?: unknown } | null
  response: { status: number, headers: Record<string, string>, body?: unknown, sse?: string }
  features: string[]
}

/** The last event of a stream, and the first where it has one of its own. */
const END = /^data: (?:\[DONE\]|\{"type": ?"(?:message_stop|response\.completed)")/m
const START = /^data: \{"type": ?"(?:message_start|response\.created)"/m

interface Entry { file: string, dialect: string, features: string[] }

/** All recordings of the dialects, in the order of the folder's `index.json`. */
export function readRecordings (folder: string, dialects: readonly string[]): Recording[] {
  const index = JSON.parse(readFileSync(join(folder, 'index.json'), 'utf8')) as Entry[]
  return index
    .filter(({ dialect }) => dialects.includes(dialect))
    .map(({ file }) => JSON.parse(readFileSync(join(folder, file), 'utf8')) as Recording)
}

/** Whether it is one reply. Some recordings hold two streams, one after the other: no provider answers so. */
export function isOne ({ response: { sse = '' } }: Recording): boolean {
  return sse.split(END).length <= 2 && sse.split(START).length <= 2
}

export function isStreamed ({ response }: Recording): boolean {
  return response.sse !== undefined
}
