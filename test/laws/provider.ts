import assert from 'node:assert/strict'
import { dialects as builtin } from '../../providers/dialects/index.ts'
import { credentialHeaders } from '../../providers/dialects/index.ts'
import type { Dialect } from '../../providers/dialects/dialect.ts'
import { check } from '../../providers/dialects/judge.ts'
import { ProviderSchema } from '../../providers/provider.ts'
import type { Provider } from '../../providers/provider.ts'
import type { Law } from './law.ts'

/**
 * The laws of a provider: that it is the data the gateway reads.
 *
 * @param value what the provider's file exports by default
 * @param dialects that the gateway knows
 */
export function providerLaws (value: unknown, dialects: ReadonlyMap<string, Dialect> = builtin): Law[] {
  const provider = value as Provider
  return [
    { name: 'the provider has the shape of its schema', run: () => check(ProviderSchema, value) },
    { name: 'its base URL is http or https and ends without a slash', run: () => baseUrl(provider) },
    { name: 'its header names are in lower case, and carry the key once', run: () => headers(provider) },
    { name: 'its dialects are known', run: () => known(provider, dialects) },
    { name: 'every entry about its models can be reached', run: () => targets(provider) }
  ]
}

function baseUrl ({ baseUrl }: Provider): void {
  if (baseUrl === undefined) return
  const { protocol, username, search, hash } = new URL(baseUrl)
  assert.match(protocol, /^https?:$/)
  assert.ok(!baseUrl.endsWith('/'), `${baseUrl} ends with a slash`)
  assert.deepEqual([username, search, hash], ['', '', ''], `${baseUrl} holds more than an address`)
}

function headers ({ auth, headers = {} }: Provider): void {
  for (const name of [auth.header, ...Object.keys(headers)]) {
    assert.match(name, /^[a-z0-9!#$%&'*+.^_`|~-]+$/, `${name} is not a header name in lower case`)
  }
  for (const name of Object.keys(headers)) {
    assert.ok(name !== auth.header && !credentialHeaders.some((credential) => credential === name), `${name} is a header for keys`)
  }
}

function known ({ dialects: spoken, models, targets = [] }: Provider, dialects: ReadonlyMap<string, Dialect>): void {
  for (const id of Object.keys(spoken)) assert.ok(dialects.has(id), `${id} is not a dialect of the gateway: it knows ${[...dialects.keys()].join(', ')}`)
  for (const { match, dialect } of targets) assert.ok(dialect === undefined || Object.hasOwn(spoken, dialect), `"${match}" is best spoken to in ${dialect}, which the provider does not speak`)
  if (models !== undefined) assert.ok(dialects.get(models.dialect)?.models !== undefined, `${models.dialect} has no list of models`)
}

/** The first entry that matches counts: a longer match behind a shorter one is never read. */
function targets ({ targets = [] }: Provider): void {
  for (const [i, { match }] of targets.entries()) {
    const before = targets.slice(0, i).find((earlier) => match.startsWith(earlier.match))
    assert.equal(before, undefined, `"${match}" is behind "${before?.match}", which matches first`)
  }
}
