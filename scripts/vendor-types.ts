/**
 * Holds recorded requests, translated to every other dialect, against the types of the vendors' SDKs.
 *
 *     node scripts/vendor-types.ts FOLDER
 *
 * The folder holds an `index.json` that lists the recordings. Prints how many fit, by pair, and each that does not.
 */
import { BadRequest, Untranslatable } from '../providers/dialects/dialect.ts'
import type { Dialect } from '../providers/dialects/dialect.ts'
import { dialects } from '../providers/dialects/index.ts'
import { isObject } from '../providers/dialects/json.ts'
import { typeFaults } from '../test/vendor/check.ts'
import type { Sample } from '../test/vendor/check.ts'
import { versionOf } from '../test/vendor/types.ts'
import { readRecordings } from './replay/recordings.ts'

const [folder = ''] = process.argv.slice(2)
const target = { thinking: 'adaptive', maxOutputTokens: 64000 } as const
const speaking = [...dialects.values()].filter(({ translation }) => translation !== undefined)
const samples = new Map<string, Sample[]>()
let refused = 0

function translate (from: Dialect, to: Dialect, name: string, request: Record<string, unknown>): void {
  const pair = `${from.id} to ${to.id}`
  try {
    const conversation = from.translation?.decodeRequest(request)
    const body = conversation === undefined ? undefined : to.translation?.encodeRequest(conversation, target).body
    if (body !== undefined) samples.set(pair, [...samples.get(pair) ?? [], { dialect: to.id, name, body }])
  } catch (error) {
    if (!(error instanceof BadRequest || error instanceof Untranslatable)) throw error
    refused++
  }
}

for (const { id: name, dialect, request } of readRecordings(folder, speaking.map(({ id }) => id))) {
  const from = speaking.find(({ id }) => id === dialect)
  if (from === undefined || !isObject(request?.body)) continue
  for (const to of speaking) if (to !== from) translate(from, to, name, request.body)
}

console.log(`against openai ${versionOf('openai')} and @anthropic-ai/sdk ${versionOf('@anthropic-ai/sdk')}; refused by name: ${refused}`)
for (const [pair, all] of samples) {
  const faults = typeFaults(all)
  console.log(`${pair}: ${all.length} requests, ${all.length - faults.length} fit`)
  for (const fault of faults) console.log(`  ${fault}`)
}
