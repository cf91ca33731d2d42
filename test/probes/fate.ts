import { isDeepStrictEqual } from 'node:util'
import { BadRequest, Untranslatable } from '../../providers/dialects/dialect.ts'
import type { Dialect, Encoded, ModelFacts } from '../../providers/dialects/dialect.ts'
import { isObject, objectsOf } from '../../providers/dialects/json.ts'
import { EventTranslation } from '../../providers/dialects/translate.ts'
import type { Probe, Probes } from './probe.ts'

/** What becomes of a field on its way to another dialect. */
export type Fate =
  /** The same field with the same value. */
  | { kind: 'kept' }
  /** Said in other words, at these places. */
  | { kind: 'mapped', to: string[], lossy: string[] }
  /** Left out, and named. */
  | { kind: 'reported', lossy: string[] }
  | { kind: 'refused', param: string, reason: string }
  /** Left out without a word: right where there is nothing to say, else a fault. */
  | { kind: 'dropped' }

/** Runs a request with and without what the probe says through both dialects, and looks at what differs. */
export function requestFate (from: Dialect, to: Dialect, probes: Probes, probe: Probe, target: ModelFacts): Fate {
  const [source, sink] = [from.translation, to.translation]
  if (source === undefined || sink === undefined) throw new TypeError(`${from.id} is not translated to ${to.id}`)
  return fate(probes, probe, (body) => {
    const encoded = sink.encodeRequest(source.decodeRequest(plainJson(body)), target)
    return { ...encoded, body: plainJson(encoded.body) }
  })
}

/** The same for a provider's whole reply. An error is read as one. */
export function replyFate (from: Dialect, to: Dialect, probes: Probes, probe: Probe): Fate {
  return fate(probes, probe, (body) => {
    const error = isObject(body.error) ? from.errors.decode(body) : undefined
    if (error !== undefined) return { body: plainJson({ error: to.errors.encode({ status: 429, ...error }) }), lossy: [] }
    const translation = new EventTranslation(from, to, { now: 1, usage: true, redact: (text) => text })
    const fold = to.stream.fold()
    for (const event of from.stream.unfold(plainJson(body))) translation.push(event).forEach((event) => fold.push(event))
    translation.end().forEach((event) => fold.push(event))
    return { body: withoutItemIds(plainJson(fold.body())), lossy: translation.lossy }
  })
}

/** Items are counted: one more in front gives the others another id. */
function withoutItemIds (body: Record<string, unknown>): Record<string, unknown> {
  return Array.isArray(body.output) ? { ...body, output: objectsOf(body.output).map(({ id, ...item }) => item) } : body
}

function fate ({ plain }: Probes, { says, unless }: Probe, translate: (body: Record<string, unknown>) => Encoded): Fate {
  const [body, without] = [{ ...plain, ...says }, { ...plain, ...unless }]
  const usual = translate(without)
  let encoded: Encoded
  try {
    encoded = translate(body)
  } catch (error) {
    if (error instanceof Untranslatable || error instanceof BadRequest) return { kind: 'refused', param: error.param, reason: error.message }
    throw error
  }
  const lossy = encoded.lossy.filter((name) => !usual.lossy.includes(name))
  const changes = differences(isObject(encoded.body.error) ? {} : usual.body, encoded.body)
  if (changes.size === 0) return lossy.length > 0 ? { kind: 'reported', lossy } : { kind: 'dropped' }
  if (lossy.length === 0 && isDeepStrictEqual(changes, differences(without, body))) return { kind: 'kept' }
  return { kind: 'mapped', to: [...new Set([...changes].map(([path, value]) => place(path, value)))], lossy }
}

function plainJson (body: Record<string, unknown>): Record<string, unknown> {
  return JSON.parse(JSON.stringify(body)) as Record<string, unknown>
}

/** Taken whole: what is inside is not the dialect's. */
const WHOLE = /(?:^|\.)(?:parameters|input_schema|schema)$/

/** What `after` has at places where `before` has something else or nothing; `undefined` where it lacks something. */
function differences (before: unknown, after: unknown, path = '', out = new Map<string, unknown>()): Map<string, unknown> {
  if (isDeepStrictEqual(before, after)) return out
  if (Array.isArray(before) && Array.isArray(after)) listDifferences(before, after, path, out)
  else if (isObject(before) && isObject(after) && before.type === after.type && !WHOLE.test(path)) {
    for (const name of new Set([...Object.keys(before), ...Object.keys(after)])) differences(before[name], after[name], path === '' ? name : `${path}.${name}`, out)
  } else {
    out.set(path, after)
  }
  return out
}

/** What stands alike at both ends does not count: a part more in front moves the others. */
function listDifferences (before: unknown[], after: unknown[], path: string, out: Map<string, unknown>): void {
  const shorter = Math.min(before.length, after.length)
  let head = 0
  while (head < shorter && isDeepStrictEqual(before[head], after[head])) head++
  let tail = 0
  while (tail < shorter - head && isDeepStrictEqual(before.at(-1 - tail), after.at(-1 - tail))) tail++
  for (let i = head; i < Math.max(before.length, after.length) - tail; i++) {
    differences(i < before.length - tail ? before[i] : undefined, i < after.length - tail ? after[i] : undefined, `${path}[${i}]`, out)
  }
}

/** A path without indexes, and the kind of thing that stands there, or its value where that is a word. */
function place (path: string, value: unknown): string {
  const list = Array.isArray(value)
  const one: unknown = list ? value[0] : value
  const name = path.replaceAll(/\[\d+\]/g, '[]') + (list && isObject(one) ? '[]' : '')
  if (value === undefined || value === null) return `no ${name}`
  if (isObject(one)) {
    const kind = WHOLE.test(path) ? undefined : one.type ?? one.role
    const [[field, inner] = ['', undefined], ...more] = Object.entries(one)
    if (!list && kind === undefined && more.length === 0 && !WHOLE.test(path)) return place(`${name}.${field}`, inner)
    return typeof kind === 'string' ? `${name} (${kind})` : name
  }
  const word = (typeof value === 'string' && /^[a-z_]+$/.test(value)) || typeof value === 'boolean'
  return word ? `${name} = ${value}` : name
}
