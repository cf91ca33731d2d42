import type { FastifyRequest } from 'fastify'
import type { Dialect } from '../../providers/dialects/dialect.ts'
import { isForm } from '../../plugins/http/form.ts'
import { formFields, parseForm, spliceForm, type FormPart } from '../../providers/dialects/multipart.ts'
import { judgeObject, parseObject, splice } from '../../providers/dialects/splice.ts'

/** A client's body: the bytes that go on, and what of them the gateway reads. */
export interface Body {
  bytes: Buffer
  /** Its content type, as it goes on. */
  type: string
  fields: Record<string, unknown>
  /** JSON for the log: the body itself, or of a form its texts and how large its files are. */
  record: Buffer
  /** The bytes with a few fields replaced, every other byte as it is. */
  edit (edits: Record<string, unknown>): Buffer
}

/** @throws {BadJson | BadForm} */
export function readBody ({ body, headers: { 'content-type': type = '' } }: FastifyRequest, { forms, admission }: Dialect): Body {
  const bytes = body instanceof Buffer ? body : Buffer.alloc(0)
  if (forms !== true || !isForm(type)) return jsonBody(bytes)
  const { properties = {} } = admission as { properties?: object }
  return formBody(bytes, type, new Set(Object.keys(properties)))
}

/** @param fields what is in it, where that is known */
export function jsonBody (bytes: Buffer, fields?: Record<string, unknown>): Body {
  const places = fields === undefined ? judgeObject(bytes) : undefined
  return { bytes, type: 'application/json', fields: fields ?? parseObject(bytes, places), record: bytes, edit: (edits) => splice(bytes, edits, places) }
}

/** @param once the fields that the gateway reads: which of two another would take cannot be known */
function formBody (bytes: Buffer, type: string, once: ReadonlySet<string>): Body {
  const parts = parseForm(bytes, type)
  return {
    bytes,
    type,
    fields: formFields(bytes, parts, once),
    record: Buffer.from(JSON.stringify(Object.fromEntries(parts.map((part) => [part.name, described(bytes, part)])))),
    edit: (edits) => spliceForm(bytes, parts, Object.fromEntries(Object.entries(edits).map(([name, value]) => [name, String(value)])))
  }
}

function described (bytes: Buffer, { filename, start, end }: FormPart): unknown {
  return filename === undefined ? bytes.toString('utf8', start, end) : { filename, bytes: end - start }
}
