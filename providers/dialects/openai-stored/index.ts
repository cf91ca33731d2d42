import { Type } from 'typebox'
import type { TSchema } from 'typebox'
import type { Bound, Call, Dialect, Operation } from '../dialect.ts'
import { itemReferences } from '../openai-items.ts'
import { errors } from '../openai-errors.ts'
import { stream } from './stream.ts'

const page = ['limit', 'after', 'before', 'order']
const include = ['include', 'include[]']

const keptResponses: Operation[] = [
  { method: 'GET', path: '/:id', summary: 'A kept response', query: [...include, 'stream', 'starting_after', 'include_obfuscation'] },
  { method: 'DELETE', path: '/:id', summary: 'Deletes a kept response', removes: true },
  { method: 'POST', path: '/:id/cancel', summary: 'Cancels a response in the background' },
  { method: 'GET', path: '/:id/input_items', summary: 'What a kept response answers', query: [...page, ...include] }
]

const conversations: Operation[] = [
  { method: 'POST', path: '', summary: 'Makes a conversation', body: 'json' },
  { method: 'GET', path: '/:id', summary: 'A conversation' },
  { method: 'POST', path: '/:id', summary: 'Changes a conversation', body: 'json' },
  { method: 'DELETE', path: '/:id', summary: 'Deletes a conversation', removes: true },
  { method: 'GET', path: '/:id/items', summary: 'What was said in a conversation', query: [...page, ...include] },
  { method: 'POST', path: '/:id/items', summary: 'Adds to a conversation', body: 'json', query: include },
  { method: 'GET', path: '/:id/items/:item', summary: 'One item of a conversation', query: include },
  { method: 'DELETE', path: '/:id/items/:item', summary: 'Deletes an item of a conversation' }
]

const files: Operation[] = [
  { method: 'POST', path: '', summary: 'Keeps a file', body: 'form' },
  { method: 'GET', path: '', summary: 'The files this key has made', query: [...page, 'purpose'], list: { page: 10_000, limit: 10_000 } },
  { method: 'GET', path: '/:id', summary: 'A file' },
  { method: 'DELETE', path: '/:id', summary: 'Deletes a file', removes: true },
  { method: 'GET', path: '/:id/content', summary: 'What is in a file', content: true }
]

const batches: Operation[] = [
  { method: 'POST', path: '', summary: 'Makes a batch of requests', body: 'json' },
  { method: 'GET', path: '', summary: 'The batches this key has made', query: page, list: { page: 100, limit: 20 } },
  { method: 'GET', path: '/:id', summary: 'A batch' },
  { method: 'POST', path: '/:id/cancel', summary: 'Cancels a batch' }
]

const purpose = { purpose: Type.String({ description: 'What the file is for, such as `batch`.' }) }
const input = { input_file_id: Type.String({ minLength: 1, description: 'The file whose requests are made.' }) }

/** What OpenAI keeps for its clients: https://platform.openai.com/docs/api-reference */
export const stored: readonly Dialect[] = [
  kept('openai-kept-responses', '/responses', 'Kept responses', keptResponses),
  kept('openai-conversations', '/conversations', 'Conversations', conversations, {}, undefined, 'items'),
  kept('openai-files', '/files', 'Files', files, purpose, ({ purpose, file }) => purpose === 'batch'
    ? { hidesModels: true, requests: file instanceof Uint8Array ? linesOf(file) : 0 }
    : {}),
  kept('openai-batches', '/batches', 'Batches of requests', batches, input, ({ input_file_id: id }) => ({
    hidesModels: true, runs: String(id), refers: [{ param: 'input_file_id', id: String(id) }]
  }))
]

function kept (
  id: string, path: string, summary: string, operations: readonly Operation[], fields: Record<string, TSchema> = {},
  asks: (body: Record<string, unknown>) => Partial<Call> = () => ({}), items?: string
): Dialect {
  return {
    id,
    summary,
    paths: [`/v1${path}`, path],
    operations,
    request: Type.Object(fields),
    admission: Type.Object(fields),
    requestHeaders: ['openai-beta'],
    replyHeaders: ['openai-processing-ms', 'openai-version'],
    bound,
    peek: (body) => ({ model: '', stream: false, choices: 1, wantsUsage: true, ...asks(body) }),
    ...items !== undefined && { references: itemReferences(items) },
    errors,
    stream,
    forms: operations.some(({ body }) => body === 'form')
  }
}

/** What is kept costs nothing. A batch costs what its requests do, which are in a file. */
function bound ({ input_file_id: runs }: Record<string, unknown>): Bound {
  return runs === undefined
    ? { plain: true, added: 0, choices: 1, generates: false, free: true, unbounded: [] }
    : { plain: false, added: 0, choices: 1, generates: true, unbounded: ['input_file_id'] }
}

/** One request a line; blank lines are none. */
function linesOf (file: Uint8Array): number {
  let lines = 0
  let blank = true
  for (let at = 0; at < file.length; at++) {
    const byte = file[at]
    if (byte === 0x0a || byte === 0x0d) blank = true
    else if (blank && byte !== 0x20 && byte !== 0x09) {
      blank = false
      lines++
    }
  }
  return lines
}
