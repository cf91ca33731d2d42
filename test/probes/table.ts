import type { Dialect, ModelFacts } from '../../providers/dialects/dialect.ts'
import { dialects } from '../../providers/dialects/index.ts'
import { replyFate, requestFate } from './fate.ts'
import type { Fate } from './fate.ts'
import { replies, requests } from './index.ts'
import type { Probe, Probes } from './probe.ts'

/** What may be known of a model, one thing at a time. */
const FACTS: readonly ModelFacts[] = [
  { thinking: 'adaptive' }, { thinking: 'budget' }, { thinking: 'none' }, { sampling: false }, { maxOutputTokens: 64 },
  { capName: 'max_tokens' }, { capName: 'max_completion_tokens' }, { reasoningText: true }, { customTools: true }, { customTools: false }
]

export interface Row { probes: Probes, probe: Probe, fates: Array<{ to: string, fate: Fate }> }

/** What becomes of every field of a request on its way to every other dialect, of whose model the given is known. */
export function requestRows (probes: Probes, target: ModelFacts = {}): Row[] {
  const from = dialectOf(probes)
  return probes.probes.map((probe) => ({ probes, probe, fates: others(from).map((to) => ({ to: to.id, fate: requestFate(from, to, probes, probe, target) })) }))
}

/** The same for every part of a reply. */
export function replyRows (probes: Probes): Row[] {
  const from = dialectOf(probes)
  return probes.probes.map((probe) => ({ probes, probe, fates: others(from).map((to) => ({ to: to.id, fate: replyFate(from, to, probes, probe) })) }))
}

/** The tables of docs/translation.md. */
export function translationTables (): string {
  return [
    ...requests.flatMap((probes) => [`### Requests of \`${probes.dialect}\``, ...section(requestRows(probes))]),
    '### Where something is known of the model',
    facts(),
    ...replies.flatMap((probes) => [`### Replies of \`${probes.dialect}\``, ...section(replyRows(probes))])
  ].join('\n\n')
}

function section (rows: Row[]): string[] {
  const targets = rows[0]?.fates.map(({ to }) => to) ?? []
  const table = [
    `| | ${targets.map((to) => `to \`${to}\``).join(' | ')} |`,
    `| --- |${' --- |'.repeat(targets.length)}`,
    ...rows.map(({ probe, fates }) => `| ${field(probe)} | ${fates.map(({ fate }) => cell(probe, fate)).join(' | ')} |`)
  ].join('\n')
  const reasons = new Map<string, string[]>()
  for (const { probe, fates } of rows) {
    for (const reason of new Set(fates.map(({ fate }) => fate.kind === 'refused' ? fate.reason : ''))) {
      if (reason !== '') reasons.set(reason, [...reasons.get(reason) ?? [], field(probe)])
    }
  }
  return reasons.size === 0 ? [table] : [table, 'Refused:', [...reasons].map(([reason, fields]) => `- ${fields.join(', ')}: ${reason}`).join('\n')]
}

/** What differs from the tables above, fact by fact. */
function facts (): string {
  const lines = ['| | to | where | |', '| --- | --- | --- | --- |']
  for (const probes of requests) {
    const usual = requestRows(probes)
    const known = FACTS.map((target) => ({ target, rows: requestRows(probes, target) }))
    for (const [i, { probe, fates }] of usual.entries()) {
      for (const [j, { to, fate }] of fates.entries()) {
        for (const { target, rows } of known) {
          const other = rows[i]?.fates[j]?.fate ?? fate
          if (cell(probe, other) !== cell(probe, fate)) lines.push(`| ${field(probe)} | \`${to}\` | ${Object.entries(target).map(([name, value]) => `\`${name}: ${value}\``).join(', ')} | ${cell(probe, other)} |`)
        }
      }
    }
  }
  return lines.join('\n')
}

/** The name as code, where it is one. */
function field ({ field, says }: Probe): string {
  const [, name = '', top = '', rest = ''] = /^((\w+)[\w.[\]]*)(.*)$/.exec(field) ?? []
  return Object.hasOwn(says, top) ? `\`${name}\`${rest}` : field
}

function cell (probe: Probe, fate: Fate): string {
  switch (fate.kind) {
    case 'kept': return 'kept'
    case 'mapped': return `${fate.to.map((place) => `\`${place}\``).join(', ')}${fate.lossy.length > 0 ? '; reported' : ''}`
    case 'reported': return 'reported'
    case 'refused': return 'refused'
    case 'dropped': return `left out: ${probe.moot ?? 'IN SILENCE'}`
  }
}

function dialectOf ({ dialect }: Probes): Dialect {
  const found = dialects.get(dialect)
  if (found === undefined) throw new Error(`no dialect ${dialect}`)
  return found
}

function others ({ id }: Dialect): Dialect[] {
  return [...dialects.values()].filter((dialect) => dialect.id !== id && dialect.translation !== undefined)
}
