import type { Reading, StreamReader } from '../dialect.ts'
import { objectOf, objectsOf, parseOrNothing, textOf } from '../json.ts'
import { itemIds } from '../openai-items.ts'
import { errors } from '../openai-errors.ts'

/** A failed response holds an error and is no error: only what is no object of its own is one. */
export const stream: StreamReader = {
  largest: 8 * 1024 * 1024,
  matters: () => true,
  read ({ event, data }, body) {
    if (data === '[DONE]') return { end: true }
    const { type = event, response } = objectOf(body)
    if (type === 'error') return { error: errors.decode(body) ?? { code: 'upstream_error', message: 'The provider failed.' } }
    return terminal.has(String(type)) ? { ended: [0], ...modelOf(objectOf(response)) } : {}
  },
  readWhole (body) {
    const error = body.object === undefined && body.type === undefined ? errors.decode(body) : undefined
    if (error !== undefined) return { error }
    const ids = makes.has(String(body.object)) && body.deleted !== true ? [body.id, body.output_file_id, body.error_file_id] : []
    // Items are of no kind of their own: a list of files holds files.
    const items = body.object === 'list' ? objectsOf(body.data).filter(({ object }) => object === undefined) : body.output
    return { ...modelOf(body), stored: [...ids.flatMap((id) => textOf(id) ?? []), ...itemIds(items)] }
  },
  fold () {
    let reply: Record<string, unknown> = {}
    return {
      push ({ data }) {
        reply = { ...reply, ...objectOf(objectOf(parseOrNothing(data)).response) }
      },
      body: () => reply
    }
  },
  unfold: (body) => [{ data: JSON.stringify(body) }]
}

const makes: ReadonlySet<string> = new Set(['response', 'conversation', 'file', 'batch'])
const terminal: ReadonlySet<string> = new Set(['response.completed', 'response.incomplete', 'response.failed', 'response.cancelled'])

function modelOf (body: Record<string, unknown>): Reading {
  const model = textOf(body.model)
  return model === undefined ? {} : { model }
}
