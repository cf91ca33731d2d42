/* eslint no-template-curly-in-string: off -- in keys.json, ${NAME} is a reference. */
import type { FastifyInstance, FastifyReply } from 'fastify'
import { Type, type Static } from 'typebox'
import { parsePeriod } from '../../plugins/config/duration.ts'
import { GatewayError } from '../../plugins/errors.ts'
import { FileFault } from '../../plugins/file/fault.ts'
import { parseJson } from '../../plugins/file/json.ts'
import { ChangeFault, create, disable, fingerprint, NoSuchKey, OVERLAP, rotate, type Listed } from '../../plugins/keys/changes.ts'
import { KeySchema, type KeyEntry } from '../../plugins/keys/schema.ts'
import { invalid, strictQuery } from './query.ts'

const { id: _, ...newFields } = KeySchema.properties
const { api_key: __, ...shownFields } = KeySchema.properties

const NewKey = Type.Object(newFields, { additionalProperties: false })
const Rotation = Type.Object({
  overlap: Type.Optional(Type.String({ description: 'How long the old key works on, such as `24h`, which it is without it; `0`: no longer.' }))
}, { additionalProperties: false })
const Named = Type.Object({ key: Type.String({ description: 'A key\'s id or name, or `sha256:` and the first 12 or more digits of its SHA-256.' }) })

const ShownKey = Type.Object({
  id: Type.String({ description: 'Whose counts, ledger rows and files are its: the same of a key and what was made of it by rotation.' }),
  fingerprint: Type.String({ description: 'How it alone is called: `sha256:` and the first 12 digits of its SHA-256.' }),
  state: Type.Enum(['active', 'expired', 'disabled']),
  stored: Type.Enum(['plain', 'hashed']),
  api_key: Type.Union([Type.String(), Type.Null()], { description: 'Where the real key is from, such as `${NAME}`; `null` where the file has it.' }),
  entry: Type.Object(shownFields, { description: 'Its other fields, as in keys.json.' })
})
const MadeKey = Type.Object({
  key: Type.String({ description: 'The virtual key itself: it is told here, and never again.' }),
  ...ShownKey.properties
})
const RotatedKey = Type.Object({ ...MadeKey.properties, old: ShownKey })

/** `/admin/keys`: the virtual keys of keys.json, as `llm-gateway keys` has them. */
export default function keyRoutes (fastify: FastifyInstance): void {
  const { keys } = fastify
  const schema = { tags: ['admin'], security: [{ admin: [] }], querystring: Type.Object({}, { additionalProperties: false }) }
  const compilers = {
    serializerCompiler: () => JSON.stringify,
    // Bodies are judged as the file is: with its own words.
    validatorCompiler: (route: Parameters<typeof strictQuery>[0]) => route.httpPart === 'querystring' ? strictQuery(route) : () => true
  }
  const send = (reply: FastifyReply, status: number, body: object): FastifyReply => reply.code(status).header('cache-control', 'private, no-store').send(body)

  fastify.get('/admin/keys', {
    schema: { ...schema, summary: 'All virtual keys, without secrets', response: { 200: Type.Object({ data: Type.Array(ShownKey) }) } },
    ...compilers
  }, async (_request, reply) => send(reply, 200, { data: (await attempt(keys.list())).map(show) }))

  fastify.post('/admin/keys', {
    schema: { ...schema, summary: 'Make a virtual key', body: NewKey, response: { 201: MadeKey } },
    ...compilers
  }, async (request, reply) => {
    const entry = fieldsOf(request.body)
    if (Object.hasOwn(entry, 'id')) throw invalid('id', 'A new key takes no "id".')
    const made = await attempt(keys.change((bytes) => create(bytes, entry as KeyEntry, Date.now())))
    request.log.info({ key: made.label, fingerprint: fingerprint(made) }, 'a key was made')
    return send(reply, 201, { key: made.token, ...show(made) })
  })

  fastify.post<{ Params: Static<typeof Named> }>('/admin/keys/:key/rotate', {
    schema: { ...schema, summary: 'Make a new key in the place of one', params: Named, body: Rotation, response: { 201: RotatedKey } },
    ...compilers
  }, async (request, reply) => {
    const overlap = overlapOf(fieldsOf(request.body))
    const made = await attempt(keys.change((bytes) => rotate(bytes, request.params.key, overlap, Date.now())))
    request.log.info({ key: made.label, fingerprint: fingerprint(made), old: fingerprint(made.old), until: made.old.entry.expires_at }, 'a key was rotated')
    return send(reply, 201, { key: made.token, ...show(made), old: show(made.old) })
  })

  fastify.post<{ Params: Static<typeof Named> }>('/admin/keys/:key/disable', {
    schema: { ...schema, summary: 'Refuse a key, and what was made of it by rotation, from now on', params: Named, response: { 200: Type.Object({ data: Type.Array(ShownKey) }) } },
    ...compilers
  }, async (request, reply) => {
    const off = await attempt(keys.change((bytes) => disable(bytes, request.params.key, Date.now())))
    for (const key of off) request.log.info({ key: key.label, fingerprint: fingerprint(key) }, 'a key was disabled')
    return send(reply, 200, { data: off.map(show) })
  })
}

function show (key: Listed): Static<typeof ShownKey> {
  return {
    id: key.id,
    fingerprint: fingerprint(key),
    state: key.state,
    stored: key.plain ? 'plain' : 'hashed',
    api_key: key.reference ?? null,
    entry: key.entry
  }
}

/** A body's fields: no body has none. Its faults quote nothing of it, since it may hold a real key. */
function fieldsOf (body: unknown): Record<string, unknown> {
  if (!Buffer.isBuffer(body) || body.length === 0) return {}
  let value: unknown
  try {
    value = parseJson(body).value
  } catch (error) {
    throw error instanceof FileFault ? new GatewayError('invalid_json', { message: `The body cannot be read: ${error.message}.` }) : error
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new GatewayError('invalid_json', { message: 'The body must be a JSON object.' })
  return value as Record<string, unknown>
}

function overlapOf ({ overlap = OVERLAP, ...rest }: Record<string, unknown>): number {
  if (Object.keys(rest).length > 0) throw invalid('overlap', 'Of a body only "overlap" is taken here.')
  try {
    if (typeof overlap === 'string') return parsePeriod(overlap)
  } catch {
    // As any other text that is none.
  }
  throw invalid('overlap', '"overlap" must be a duration such as "24h", or "0".')
}

async function attempt <T> (doing: Promise<T>): Promise<T> {
  try {
    return await doing
  } catch (error) {
    if (!(error instanceof FileFault)) throw error
    if (error instanceof NoSuchKey) throw new GatewayError('not_found', { message: 'There is no key of that name or id.' })
    if (error instanceof ChangeFault) throw new GatewayError('invalid_request', { message: `The keys file was not changed: ${error.message}.` })
    throw new GatewayError('keys_file_unusable', { message: `The keys file cannot be used for that: ${error.message}.` })
  }
}
