import { atOnce, type Work } from '../slices.ts'
import { ISSUED } from './token.ts'

/** What knows secrets, such as the keys in force. */
export interface Knowing {
  /** Every secret whose text is known. The same object as before as long as they are the same. */
  secrets (): Iterable<string>
  /** Whether a text is a secret that is known by its hash only. */
  has? (text: string): boolean
}

/**
 * What must not come to light through texts of which nobody knows whose secrets are in them: a path without a key, an
 * exception, an id that a client chose. Shared by the process, because its log is, and whatever ends it.
 */
const knowing = new Set<Knowing>()

/** From now on its secrets are concealed. @returns what ends that */
export function beware (source: Knowing): () => void {
  knowing.add(source)
  return () => { knowing.delete(source) }
}

/** What stands in the place of a secret. */
export const REDACTED = '[redacted]'

/** Shorter secrets are also parts of ordinary words. */
const SHORTEST = 12
/** What looks like a key of ours may be one whose text nobody knows. */
const ALL_ISSUED = new RegExp(ISSUED, 'g')

/** Secrets by their length, and then by their ends: finding them takes no longer the more there are. */
type Index = Map<number, Map<number, Set<string>>>

const indexes = new WeakMap<object, Index>()

function indexOf (secrets: Iterable<string>): Index {
  return indexes.get(secrets) ?? atOnce(indexing(secrets))
}

/** Makes ready to find secrets, of which there may be very many. What is not ready the first text waits for. */
export function * indexing (secrets: Iterable<string>): Work<Index> {
  const index: Index = new Map()
  for (const secret of secrets) {
    yield
    if (secret.length < SHORTEST) continue
    const escaped = JSON.stringify(secret).slice(1, -1)
    for (const text of escaped === secret ? [secret] : [secret, escaped]) {
      const byEnds = index.get(text.length) ?? new Map<number, Set<string>>()
      index.set(text.length, byEnds)
      const ends = endsOf(text, 0, text.length)
      byEnds.set(ends, (byEnds.get(ends) ?? new Set()).add(text))
    }
  }
  indexes.set(secrets, index)
  return index
}

/** The first two and the last two characters of a part of a text, as a number. */
function endsOf (text: string, from: number, length: number): number {
  const last = from + length - 1
  return ((text.charCodeAt(from) & 0xff) << 24) | ((text.charCodeAt(from + 1) & 0xff) << 16) | ((text.charCodeAt(last - 1) & 0xff) << 8) | (text.charCodeAt(last) & 0xff)
}

/** Texts in which nothing was found, as long as `asOf` is all that is known: the same models and paths come with every request. */
const clean = new Set<string>()
let asOf: Array<Iterable<string>> = []
/** How many are kept, and how long one may be. */
const CLEAN = 1000
const CLEAN_LENGTH = 128

/** A text without the secrets that stand in it as they are: cheap enough for what every request has. */
export function strike (text: string): string {
  if (text.length < SHORTEST) return text
  if (!isCurrent()) {
    clean.clear()
    asOf = [...knowing].map((source) => source.secrets())
  }
  if (clean.has(text)) return text
  const clear = struck(text)
  if (clear === text && text.length <= CLEAN_LENGTH) {
    if (clean.size >= CLEAN) clean.clear()
    clean.add(text)
  }
  return clear
}

function isCurrent (): boolean {
  let index = 0
  for (const source of knowing) {
    if (asOf[index++] !== source.secrets()) return false
  }
  return index === asOf.length
}

function struck (text: string): string {
  let clear = text
  for (const source of knowing) {
    for (const [length, byEnds] of indexOf(source.secrets())) {
      for (let at = 0; at + length <= clear.length; at++) {
        if (byEnds.get(endsOf(clear, at, length))?.has(clear.slice(at, at + length)) !== true) continue
        clear = clear.slice(0, at) + REDACTED + clear.slice(at + length)
        at += REDACTED.length - 1
      }
    }
  }
  return clear.replace(ALL_ISSUED, REDACTED)
}

/** Whether a secret stands in a text as it is, or the text is one. */
export function exposes (text: string): boolean {
  return strike(text) !== text || isKnown(text)
}

/**
 * A text without any secret, encoded ones included: word by word, each also read as percent-encoded and as base64. A key
 * that is known by its hash only, and is none that the gateway has made, is found where it is a word.
 */
export function conceal (text: string): string {
  return strike(text).replace(WORD, (word) => hides(word) ? REDACTED : word)
}

/** What an error tells the log, without any secret. Of its other fields none: they may hold a request. */
export function concealedError (error: Error): { type: string, message: string, stack: string, code?: string } {
  const { name, message, stack = '', code } = error as NodeJS.ErrnoException
  return { type: name, message: conceal(message), stack: conceal([stack, ...causesOf(error)].join('\ncaused by: ')), ...typeof code === 'string' && { code } }
}

/** The secrets of an environment: what its names call so, and passwords in URLs. */
export function environmentSecrets (env: NodeJS.ProcessEnv): string[] {
  return Object.entries(env).flatMap(([name, value = '']) => {
    if (SECRET_NAME.test(name)) return [value]
    if (!/^\w+:\/\/[^/]*@/.test(value) || !URL.canParse(value)) return []
    const { password } = new URL(value)
    return [password, decoded(password)]
  })
}

const SECRET_NAME = /(KEY|TOKEN|SECRET|PASSWORD)S?$/i

/** What cannot be part of an encoded key. */
const WORD = /[^\s/\\?&=,;:"'`<>(){}[\]]{12,}/g
const BASE64 = /[\w+/-]{16,}/g

function hides (word: string): boolean {
  if (isKnown(word)) return true
  const plain = decoded(word)
  if (plain !== word && contains(plain)) return true
  for (const [run] of word.matchAll(BASE64)) {
    // It may have begun at any place of a group.
    for (let skipped = 0; skipped < 4; skipped++) {
      if (contains(Buffer.from(run.slice(skipped), 'base64').toString('latin1'))) return true
    }
  }
  return false
}

function contains (text: string): boolean {
  return strike(text) !== text || (text.match(WORD) ?? []).some(isKnown)
}

function isKnown (text: string): boolean {
  for (const source of knowing) {
    if (source.has?.(text) === true) return true
  }
  return false
}

/** A text without its percent-encoding, where it has one. */
export function decoded (word: string): string {
  try {
    return decodeURIComponent(word)
  } catch {
    return word
  }
}

function causesOf ({ cause }: Error, depth = 0): string[] {
  if (!(cause instanceof Error) || depth > 4) return []
  return [cause.stack ?? cause.message, ...causesOf(cause, depth + 1)]
}
