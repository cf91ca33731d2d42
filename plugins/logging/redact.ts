import { REDACTED } from '../keys/conceal.ts'
import { tokenOf } from '../keys/hashed.ts'
import type { VirtualKey } from '../keys/index.ts'
import { realKeys } from '../keys/targets.ts'

/** Clears a text of secrets. Gives back the very same string where it holds none. */
export type Redact = (text: string) => string

/** Shorter secrets have encoded forms so short that they would match by chance. */
const ENCODED_FROM = 8

/** @param secrets in plain form; their escaped and encoded forms are found too */
export function redactor (secrets: readonly string[]): Redact {
  const forms = [...new Set(secrets.flatMap(formsOf))].sort((a, b) => b.length - a.length)
  const shortest = forms.at(-1)?.length ?? Infinity
  return (text) => {
    if (text.length < shortest) return text
    let clear = text
    for (const form of forms) {
      if (clear.includes(form)) clear = clear.replaceAll(form, REDACTED)
    }
    return clear
  }
}

const byKey = new WeakMap<object, Redact>()

/** The redactor of a key's secrets, made once a key: the virtual key itself and the real ones behind it. */
export function redactorFor (key: Pick<VirtualKey, 'token' | 'apiKey' | 'targets'>): Redact {
  let redact = byKey.get(key)
  if (redact === undefined) {
    const token = tokenOf(key)
    redact = redactor(token === undefined ? realKeys(key) : [...realKeys(key), token])
    if (token !== undefined) byKey.set(key, redact)
  }
  return redact
}

function formsOf (secret: string): string[] {
  if (secret === '') return []
  const escaped = JSON.stringify(secret).slice(1, -1)
  // JSON may also escape the slash, and an error message may quote JSON inside JSON.
  const forms = [secret, escaped, escaped.replaceAll('/', '\\/'), JSON.stringify(escaped).slice(1, -1)]
  if (secret.length < ENCODED_FROM) return forms
  const url = percentEncoded(secret)
  return [...forms, url, lowerHex(url), ...base64Forms(Buffer.from(secret))]
}

function percentEncoded (secret: string): string {
  // By way of UTF-8: a lone surrogate has no percent-encoded form and would throw.
  return encodeURIComponent(Buffer.from(secret).toString())
}

function lowerHex (url: string): string {
  return url.replace(/%[0-9A-F]{2}/g, (hex) => hex.toLowerCase())
}

/**
 * A secret inside a longer text that is base64 as a whole, such as `user:secret`, may begin at any of three places in
 * a group. The characters at either end that also depend on its neighbours are left out.
 */
function base64Forms (secret: Buffer): string[] {
  return [0, 1, 2].flatMap((shift) => {
    const text = Buffer.concat([Buffer.alloc(shift), secret]).toString('base64').replace(/=+$/, '')
    const from = shift === 0 ? 0 : shift + 1
    const whole = Math.floor((shift + secret.length) * 8 / 6)
    const form = text.slice(from, whole)
    return [form, form.replaceAll('+', '-').replaceAll('/', '_')]
  })
}
