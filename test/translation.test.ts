import { readFileSync } from 'node:fs'
import t from 'tap'
import { isObject } from '../providers/dialects/json.ts'
import { replies, requests } from './probes/index.ts'
import { replyRows, requestRows, translationTables } from './probes/table.ts'
import type { Row } from './probes/table.ts'
import { schemas } from './probes/schemas.ts'
import { VendorTypes } from './vendor/types.ts'

t.test('docs/translation.md says what the dialects do', async (t) => {
  const [, tables] = /<!-- translation -->\n+([^]*?)\n+<!-- \/translation -->/.exec(readFileSync(new URL('../docs/translation.md', import.meta.url), 'utf8')) ?? []
  t.equal(tables, translationTables(), 'is stale: npx node scripts/translation-table.ts writes it')
})

function proves (t: Pick<typeof import('tap').default, 'ok'>, rows: Row[]): void {
  for (const { probes, probe, fates } of rows) {
    for (const { to, fate } of fates) {
      const name = `${probes.dialect} to ${to}: ${probe.field}`
      if (fate.kind === 'dropped') t.ok(probe.moot !== undefined, `${name} is dropped in silence`)
      if (fate.kind === 'refused') t.ok(fate.param !== '' && fate.reason !== '', `${name} is refused by name`)
      if (fate.kind === 'reported') t.ok(fate.lossy.every((lost) => /^[\w.[\]-]+$/.test(lost)), `${name} is reported by name`)
    }
    if (probe.moot !== undefined) t.ok(fates.some(({ fate }) => fate.kind === 'dropped'), `${probes.dialect}: ${probe.field} is called moot, and is kept everywhere`)
  }
}

for (const probes of requests) t.test(`nothing of a request of ${probes.dialect} is dropped in silence`, async (t) => proves(t, requestRows(probes)))
for (const probes of replies) t.test(`nothing of a reply of ${probes.dialect} is dropped in silence`, async (t) => proves(t, replyRows(probes)))

/** Every place that the probes speak of, and every kind of thing there: `messages[].content[]`, `messages[].content[]=text`. */
function places (value: unknown, path: string, out: Set<string>): Set<string> {
  out.add(path)
  if (Array.isArray(value)) for (const item of value) places(item, `${path}[]`, out)
  else if (isObject(value)) {
    if (typeof value.type === 'string') out.add(`${path}=${value.type}`)
    for (const [name, inner] of Object.entries(value)) places(inner, path === '' ? name : `${path}.${name}`, out)
  }
  return out
}

for (const [side, all] of [['request', requests], ['reply', replies]] as const) {
  for (const probes of all) {
    t.test(`every field of a ${side} of ${probes.dialect} that the vendor's SDK names has a probe`, async (t) => {
      const spoken = new Set<string>()
      for (const { says, unless } of probes.probes) for (const body of [probes.plain, says, unless]) places(body, '', spoken)
      const listed = schemas[`${probes.dialect} ${side}`] ?? []
      t.ok(listed.length > 0)
      for (const { file, type, at, kinds } of listed) {
        const types = new VendorTypes(file)
        const named = kinds === undefined ? types.fields(type).map((field) => at + field) : types.kinds(type).map((kind) => `${at}=${kind}`)
        t.strictSame(named.filter((place) => !spoken.has(place)), [], `${type} of ${file}`)
      }
    })
  }
}
