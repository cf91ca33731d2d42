import type { FastifyRequest } from 'fastify'
import type { Dialect } from '../../providers/dialects/dialect.ts'
import { isForm } from '../../plugins/http/form.ts'
import { collectable } from '../../providers/dialects/collectable.ts'
import type { Admissible } from '../../providers/dialects/judge.ts'
import { objectOf } from '../../providers/dialects/json.ts'
import { formFields, parseForm, spliceForm, type FormPart } from '../../providers/dialects/multipart.ts'
import type { Field } from '../../providers/dialects/scan.ts'
import { judgeObject, parseObject, splice } from '../../providers/dialects/splice.ts'

/** A client's body: the bytes that go on, and what of them the gateway reads. */
export interface Body extends Admissible {
  bytes: Buffer
  /** Its content type, as it goes on. */
  type: string
  /** JSON for the log: the body itself, or of a form its texts and how large its files are. */
  record: Buffer
  /** The bytes with a few fields replaced, every other byte as it is. */
  edit (edits: Record<string, unknown>): Buffer
}

/** @throws {BadJson | BadForm} */
export function readBody ({ body, headers: { 'content-type': type = '' } }: FastifyRequest, { forms, admission, references }: Dialect): Body {
  const bytes = body instanceof Buffer ? body : Buffer.alloc(0)
  if (forms !== true || !isForm(type)) return jsonBody(bytes, references)
  const { properties = {} } = admission as { properties?: object }
  return formBody(bytes, type, new Set(Object.keys(properties)))
}

/** @param references where the dialect's requests name what the provider keeps */
export function jsonBody (bytes: Buffer, references?: Dialect['references']): Body {
  const places = judgeObject(bytes, references?.list)
  return {
    bytes,
    type: 'application/json',
    fields: parseObject(bytes, places),
    ...references !== undefined && { mentions: mentionsIn(bytes, places, references) },
    record: bytes,
    edit: (edits) => splice(bytes, edits, places)
  }
}

/** The entries of a list that stand for what the provider keeps. */
function mentionsIn (bytes: Buffer, places: Field[], { list, refers }: NonNullable<Dialect['references']>): NonNullable<Body['mentions']> {
  const field = places.find(({ identified }) => identified !== undefined)
  const { identified = [] } = field ?? {}
  // A long prompt may have tens of thousands, and is open for minutes.
  delete field?.identified
  return identified.flatMap(({ index, start, end }) => {
    const entry = objectOf(JSON.parse(bytes.toString('utf8', start, end)))
    return refers(entry) && typeof entry.id === 'string' ? [{ param: `${list}[${index}].id`, id: entry.id }] : []
  })
}

/** A body of the gateway's own making. */
export function ownBody (fields: Record<string, unknown>): Body {
  const bytes = Buffer.from(JSON.stringify(fields))
  const read = collectable(() => objectOf(JSON.parse(bytes.toString('utf8'))), fields)
  return { bytes, type: 'application/json', get fields () { return read() }, record: bytes, edit: (edits) => splice(bytes, edits) }
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
