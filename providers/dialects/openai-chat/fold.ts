import type { Fold } from '../dialect.ts'
import { define, isObject, objectOf, objectsOf, parseOrNothing } from '../json.ts'
import type { SseEvent } from '../sse.ts'

/** Texts that name or label something; any other text in a delta is a piece to be put behind the last. */
const LABELS = new Set(['id', 'type', 'role', 'name', 'format', 'channel', 'object', 'model', 'finish_reason'])

/** Of a chunk alone: padding against observers. */
const PADDING = new Set(['obfuscation', 'p'])

/**
 * Puts chunks together to the reply they mean, without knowing the fields: texts in a delta are joined, lists are
 * merged by `index`, anything else is replaced by the latest.
 */
export function fold (): Fold {
  const reply: Record<string, unknown> = {}
  const choices = new Map<unknown, Record<string, unknown>>()
  return {
    push ({ data }) {
      const chunk = parseOrNothing(data)
      if (!isObject(chunk)) return
      for (const [name, value] of Object.entries(chunk)) {
        if (name === 'choices') continue
        if (!PADDING.has(name) && (!saysNothing(value) || !Object.hasOwn(reply, name))) define(reply, name, value)
      }
      for (const { index = 0, delta, logprobs, ...rest } of objectsOf(chunk.choices)) {
        let choice = choices.get(index)
        if (choice === undefined) choices.set(index, choice = { index, message: {}, logprobs: null, finish_reason: null })
        merge(objectOf(choice.message), objectOf(delta))
        if (isObject(logprobs)) {
          if (isObject(choice.logprobs)) merge(choice.logprobs, logprobs)
          else choice.logprobs = logprobs
        }
        for (const [name, value] of Object.entries(rest)) {
          if (!saysNothing(value)) define(choice, name, value)
        }
      }
    },
    body: () => ({
      ...reply,
      object: 'chat.completion',
      choices: [...choices.values()].map((choice) => ({ ...choice, message: wholeMessage(objectOf(choice.message)) }))
    })
  }
}

/** The vendor's message has `content` and `refusal` always, `null` where there is none. */
function wholeMessage (message: Record<string, unknown>): Record<string, unknown> {
  const { role, content, refusal, tool_calls: calls, ...rest } = message
  const called = Array.isArray(calls) && calls.length > 0
  return {
    role: role ?? 'assistant',
    content: content === undefined || (content === '' && called) ? null : content,
    refusal: refusal === undefined || refusal === '' ? null : refusal,
    ...rest,
    // A whole reply lists its calls in order; only chunks number them.
    ...called && { tool_calls: objectsOf(calls).map(({ index, ...call }) => call) }
  }
}

function merge (target: Record<string, unknown>, delta: Record<string, unknown>): void {
  for (const [name, value] of Object.entries(delta)) {
    const old = Object.hasOwn(target, name) ? target[name] : undefined
    if (saysNothing(value)) {
      if (old === undefined) define(target, name, value)
    } else if (old === undefined || old === null) {
      define(target, name, Array.isArray(value) ? mergeLists([], value) : value)
    } else if (typeof old === 'string' && typeof value === 'string') {
      define(target, name, LABELS.has(name) ? value : old + value)
    } else if (isObject(old) && isObject(value)) {
      merge(old, value)
    } else if (Array.isArray(old) || Array.isArray(value)) {
      define(target, name, mergeLists(asParts(old), asParts(value)))
    } else {
      define(target, name, value)
    }
  }
}

function mergeLists (old: unknown[], pieces: unknown[]): unknown[] {
  for (const piece of pieces) {
    const same = isObject(piece) ? samePart(old, piece) : undefined
    if (same !== undefined && isObject(piece)) merge(same, piece)
    else add(old, piece)
  }
  return old
}

function add (list: unknown[], item: unknown): void {
  list.push(item)
  if (isObject(item) && typeof item.index === 'number') numbered.get(list)?.set(item.index, item)
}

/** The items of a list by their number, so that a reply of a thousand calls is not searched at each piece of them. */
const numbered = new WeakMap<unknown[], Map<number, Record<string, unknown>>>()

function numberedOf (list: unknown[]): Map<number, Record<string, unknown>> {
  let items = numbered.get(list)
  if (items === undefined) numbered.set(list, items = new Map(objectsOf(list).flatMap((item) => typeof item.index === 'number' ? [[item.index, item]] : [])))
  return items
}

/** The item that a piece goes on: the one of its `index`; without indexes, a last text or thought before it. */
function samePart (list: unknown[], piece: Record<string, unknown>): Record<string, unknown> | undefined {
  const last = list.at(-1)
  const same = typeof piece.index === 'number' ? numberedOf(list).get(piece.index) : isObject(last) && (last.type === 'text' || last.type === 'thinking') ? last : undefined
  if (same === undefined) return undefined
  return piece.type === undefined || piece.type === null || same.type === undefined || same.type === piece.type ? same : undefined
}

/** Content that is sometimes text and sometimes a list of parts. */
function asParts (value: unknown): unknown[] {
  if (Array.isArray(value)) return value
  return value === '' ? [] : [typeof value === 'string' ? { type: 'text', text: value } : value]
}

function saysNothing (value: unknown): boolean {
  return value === null || value === ''
}

/** One chunk that says all, then the terminator. */
export function unfold (body: Record<string, unknown>): SseEvent[] {
  const choices = objectsOf(body.choices).map(({ message, ...choice }) => {
    const delta = { ...objectOf(message) }
    if (Array.isArray(delta.tool_calls)) {
      delta.tool_calls = delta.tool_calls.map((call, index) => isObject(call) ? { index, ...call } : call)
    }
    return { ...choice, delta }
  })
  const chunk = { ...body, object: 'chat.completion.chunk', choices }
  return [{ data: JSON.stringify(chunk) }, { data: '[DONE]' }]
}
