import { isDeepStrictEqual } from 'node:util'
import { isObject, objectOf } from '../../providers/dialects/json.ts'
import type { Heard } from './hear.ts'
import type { Outcome } from './job.ts'

/**
 * What the gateway changes by design, named for the table; the pair is then held to that rule instead of to equality.
 * `undefined` where equality is asked for.
 */
export function exemption (expected: Outcome): { name: string, reportOnly?: true, fault: (got: Outcome) => string | undefined } | undefined {
  const status = expected.error?.status
  if (status === 401 || status === 403) {
    return { name: 'the real key refused: 502', fault: ({ error }) => error?.status === 502 ? undefined : `error ${show(error)}` }
  }
  if (isObject(objectOf(expected.reply).error)) {
    const { message } = objectOf(objectOf(expected.reply).error)
    return { name: 'an error with status 200: 502', fault: ({ error }) => error?.status === 502 && error.said === message ? undefined : `error ${show(error)}` }
  }
  // Else two SDKs that failed in the same way would count as two that read the same.
  if (expected.error !== undefined && status === undefined && expected.error.said === undefined && expected.events === undefined) {
    return { name: 'not read straight from the provider either', reportOnly: true, fault: () => `straight: ${expected.error?.message}` }
  }
  return undefined
}

/** Deep equality of all that the SDK gave out. */
export function same (expected: Outcome, got: Outcome): string | undefined {
  // An error that is not in the dialect's shape is put into it: only then do its words change.
  const foreign = expected.error?.status !== undefined && expected.error.said === undefined
  return differenceOf(foreign ? expected.error?.status : expected.error, foreign ? got.error?.status : got.error, 'error') ??
    differenceOf(expected.events, got.events, 'events') ??
    differenceOf(expected.reply, got.reply, 'reply')
}

/** The same but for the chunk that only tells usage. */
export function sameWithoutUsage (expected: Outcome, got: Outcome): string | undefined {
  const events = expected.events?.filter((event) => {
    const { choices, usage } = objectOf(event)
    return !(Array.isArray(choices) && choices.length === 0 && isObject(usage))
  })
  return same({ ...expected, ...events !== undefined && { events } }, got)
}

/** The same text, reasoning, calls, finish and usage, or the same status and message of the provider's. */
export function soundsLike (expected: Outcome, got: Outcome, hear: { expected: (outcome: Outcome) => Heard, got: (outcome: Outcome) => Heard }): string | undefined {
  if (expected.error !== undefined || got.error !== undefined) {
    const heard = ({ error }: Outcome): unknown => [error?.status, error?.said ?? error?.message]
    return differenceOf(heard(expected), heard(got), 'error')
  }
  return sameHeard(hear.expected(expected), hear.got(got))
}

/** Where the two part first, in words; `undefined` where they mean the same. */
export function sameHeard (wanted: Heard, heard: Heard): string | undefined {
  // A call that came without an id has one of the gateway's.
  for (const [index, { id }] of wanted.calls.entries()) {
    const call = heard.calls[index]
    if (id === undefined && call?.id !== '') Object.assign(call ?? {}, { id })
  }
  return Object.keys(wanted)
    .filter((name) => name !== 'logprobs' || (wanted.logprobs !== undefined && heard.logprobs !== undefined))
    .map((name) => differenceOf(Reflect.get(wanted, name), Reflect.get(heard, name), name))
    .find((difference) => difference !== undefined)
}

/** Where the two part first, in words; `undefined` where they are equal. */
function differenceOf (expected: unknown, got: unknown, path = ''): string | undefined {
  if (isDeepStrictEqual(expected, got)) return undefined
  if (Array.isArray(expected) && Array.isArray(got)) {
    const at = expected.findIndex((value, index) => !isDeepStrictEqual(value, got[index]))
    return at === -1 || expected.length !== got.length
      ? `${path}: ${expected.length} became ${got.length}, from ${at === -1 ? expected.length : at} on: ${show(expected[at])} became ${show(got[at === -1 ? expected.length : at])}`
      : differenceOf(expected[at], got[at], `${path}[${at}]`)
  }
  if (isObject(expected) && isObject(got)) {
    const name = [...Object.keys(expected), ...Object.keys(got)].find((key) => !isDeepStrictEqual(expected[key], got[key]))
    if (name !== undefined) return differenceOf(expected[name], got[name], `${path}.${name}`)
  }
  return `${path}: ${show(expected)} became ${show(got)}`
}

/** Recordings may be long: enough to find the place. */
function show (value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing'
  return text.length <= 160 ? text : `${text.slice(0, 120)} … (${text.length} characters)`
}
