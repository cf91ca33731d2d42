import t from 'tap'
import { BadRequest, Untranslatable } from '../../../providers/dialects/dialect.ts'
import type { Dialect, ModelFacts } from '../../../providers/dialects/dialect.ts'
import { dialects } from '../../../providers/dialects/index.ts'
import { plainConversation } from '../../laws/generate.ts'
import { Random } from '../../laws/law.ts'
import { requests } from '../../probes/index.ts'
import { typeFaults } from '../../vendor/check.ts'
import type { Sample } from '../../vendor/check.ts'
import { versionOf } from '../../vendor/types.ts'

const speaking = [...dialects.values()].filter(({ translation }) => translation !== undefined)
const targets: ModelFacts[] = [{}, { thinking: 'adaptive', sampling: false }, { thinking: 'budget', maxOutputTokens: 32000 }, { customTools: true, reasoningText: true }, { customTools: false, capName: 'max_tokens' }]

function translate (from: Dialect, to: Dialect, name: string, request: Record<string, unknown>, target: ModelFacts): Sample[] {
  try {
    const conversation = from.translation?.decodeRequest(JSON.parse(JSON.stringify(request)))
    const body = conversation === undefined ? undefined : to.translation?.encodeRequest(conversation, target).body
    return body === undefined ? [] : [{ dialect: to.id, name: `${from.id}, ${name}, ${JSON.stringify(target)}`, body }]
  } catch (error) {
    if (error instanceof BadRequest || error instanceof Untranslatable) return []
    throw error
  }
}

/** Such as must be found out: a check that takes everything proves nothing. */
const hi = [{ role: 'user', content: 'Hi' }]
const misfits: Sample[] = [
  { dialect: 'openai-chat', name: 'misfit a', body: { model: 'm', messages: hi, hurry: true } },
  { dialect: 'openai-chat', name: 'misfit b', body: { model: 'm', messages: [{ role: 'user', content: [{ type: 'image', source: {} }] }] } },
  { dialect: 'anthropic-messages', name: 'misfit c', body: { model: 'm', messages: hi } },
  { dialect: 'openai-responses', name: 'misfit d', body: { model: 'm', input: hi, max_tokens: 9 } }
]
const fits = { dialect: 'openai-responses', name: 'fits', body: { model: 'm', input: hi, max_output_tokens: 9 } }

t.test(`what is sent upstream is what openai ${versionOf('openai')} and @anthropic-ai/sdk ${versionOf('@anthropic-ai/sdk')} call a request`, async (t) => {
  const all = speaking.flatMap((from) => speaking.filter((to) => to !== from).flatMap((to) => [...generated(from, to), ...probed(from, to)]))
  const samples = [...new Map(all.map((sample) => [sample.dialect + JSON.stringify(sample.body), sample])).values()]
  t.ok(samples.length > 300)
  const [wrong, found] = split(typeFaults([...samples, ...misfits, fits]))
  t.strictSame(wrong, [], `${samples.length} requests`)
  t.strictSame(found.map((line) => line.slice(0, 8)), misfits.map(({ name }) => name))
})

function generated (from: Dialect, to: Dialect): Sample[] {
  return Array.from({ length: 20 }, (_, seed) => new Random(seed + 1)).flatMap((random, i) => {
    const request = from.translation?.encodeRequest(plainConversation(random, from.translation.names), {}).body ?? {}
    return translate(from, to, `seed ${i + 1}`, request, random.pick(targets))
  })
}

function probed (from: Dialect, to: Dialect): Sample[] {
  const { plain, probes } = requests.find(({ dialect }) => dialect === from.id) ?? { plain: {}, probes: [] }
  return probes.flatMap(({ field, says }) => {
    const known = /reasoning|thinking|effort|tool|custom|max_|temperature|top_p/.test(field) ? targets : [{}]
    return known.flatMap((target) => translate(from, to, field, { ...plain, ...says }, target))
  })
}

function split (lines: string[]): [wrong: string[], found: string[]] {
  return [lines.filter((line) => !line.startsWith('misfit')), lines.filter((line) => line.startsWith('misfit'))]
}
