import type { FastifyInstance } from 'fastify'
import { Type, type Static } from 'typebox'
import type { Dimension, UsageRow } from '../../plugins/ledger/reports/index.ts'
import { SLOT, slotOf } from '../../plugins/ledger/sums.ts'
import { calendarWindow } from '../../plugins/quota/window.ts'
import { csvLine } from './csv.ts'
import { inPieces } from './pieces.ts'
import { invalid, momentOf, strictQuery, timeZoneOf } from './query.ts'
import { TotalsSchema, tellTotals, together, type TotalsReply } from './totals.ts'

/** Rows of one answer. */
const MOST = 10_000
/** ms from now in which sums may lie whose clock was ahead. Of a time zone's days until the year 9999 each would be looked up. */
const AHEAD = 7 * 86_400_000

const DIMENSIONS = ['day', 'key', 'group', 'provider', 'model'] as const satisfies readonly Dimension[]

const Query = Type.Object({
  group_by: Type.Optional(Type.String({ description: `What there is a row for each of, separated by commas: ${DIMENSIONS.join(', ')}. \`group\` and \`key\` do not go together: a key may be in several groups.` })),
  from: Type.Optional(Type.String({ description: 'A date, or date and time, on a quarter of an hour. Default: the first of this month.' })),
  to: Type.Optional(Type.String({ description: 'Until before then. Default: now.' })),
  timezone: Type.String({ default: 'UTC', description: 'In which days and dates begin, such as Europe/Berlin.' }),
  key: Type.Optional(Type.String({ description: 'Only this key: its id or name.' })),
  group: Type.Optional(Type.String({ description: 'Only the keys of this group, as far as they were in it.' })),
  provider: Type.Optional(Type.String({ description: 'Only this provider.' })),
  model: Type.Optional(Type.String({ description: 'Only this model, as the provider names it.' })),
  format: Type.Optional(Type.Enum(['json', 'csv'], { description: 'Default: what `Accept` asks for, else JSON.', errorMessage: 'must be json or csv' }))
}, { additionalProperties: false })

const Names = {
  day: Type.Optional(Type.String({ description: 'YYYY-MM-DD' })),
  key: Type.Optional(Type.String({ description: 'The first 12 digits of the virtual key\'s SHA-256.' })),
  key_name: Type.Optional(Type.String()),
  group: Type.Optional(Type.String()),
  provider: Type.Optional(Type.String()),
  model: Type.Optional(Type.String())
}

const Reply = Type.Object({
  from: Type.String(),
  to: Type.String(),
  timezone: Type.String(),
  group_by: Type.Array(Type.String()),
  data: Type.Array(Type.Object({ ...Names, ...TotalsSchema.properties })),
  total: TotalsSchema
}, { description: 'Usage' })

/** `GET /admin/usage`: what was used and what it cost, from the ledger's sums. */
export default function usageRoute (fastify: FastifyInstance): void {
  /** Whether there is such a key, or ever was one that used anything: nothing used is an answer, a misspelt name is none. */
  async function isKnown (key: string): Promise<boolean> {
    if ([...fastify.keys.all()].some(({ id, label }) => id === key || label === key)) return true
    return (await fastify.reports.usage({ by: ['key'], from: 0, to: Date.now() + AHEAD, key, limit: 1 })).length > 0
  }

  fastify.get<{ Querystring: Static<typeof Query> }>('/admin/usage', {
    schema: {
      summary: 'What was used, and what it cost',
      tags: ['admin'],
      security: [{ admin: [] }],
      querystring: Query,
      response: { 200: { description: 'Usage', content: { 'application/json': { schema: Reply }, 'text/csv': { schema: Type.String() } } } }
    },
    validatorCompiler: strictQuery,
    serializerCompiler: () => JSON.stringify
  }, async ({ query, headers }, reply) => {
    const by = dimensionsOf(query.group_by)
    if (query.group !== undefined && (query.key !== undefined || by.includes('key'))) throw apart('group')
    const timezone = timeZoneOf(query.timezone)
    const from = query.from === undefined ? calendarWindow('month', timezone, Date.now()).startsAt : bound('from', query.from, timezone)
    const to = query.to === undefined ? nextSlot(Date.now()) : bound('to', query.to, timezone)
    if (from >= to) throw invalid('to', `"to" must be later than "from", which is ${new Date(from).toISOString()}.`)
    const { key, group, provider, model } = query
    const rows = await fastify.reports.usage({
      by,
      from,
      to: Math.min(to, Date.now() + AHEAD),
      timezone,
      limit: MOST + 1,
      ...key !== undefined && { key },
      ...group !== undefined && { group },
      ...provider !== undefined && { provider },
      ...model !== undefined && { model }
    })
    const total = together(rows)
    if (key !== undefined && total.calls === 0 && !await isKnown(key)) {
      throw invalid('key', 'No key of this id or name is in the keys file or the ledger. It is not the virtual key itself: GET /admin/keys has the id and name of each.')
    }
    if (rows.length > MOST) throw invalid('group_by', `This would be more than ${MOST} rows: ask for a shorter time, or for one key, provider or model.`)
    void reply.header('cache-control', 'private, no-store').header('vary', 'accept')
    if ((query.format ?? accepted(headers.accept)) === 'json') {
      const asked = { from: new Date(from).toISOString(), to: new Date(to).toISOString(), timezone, group_by: by }
      return reply.type('application/json; charset=utf-8').send(inPieces(rows, {
        head: `${JSON.stringify(asked).slice(0, -1)},"data":[`,
        row: (row) => JSON.stringify(tellRow(row)),
        between: ',',
        tail: `],"total":${JSON.stringify(tellTotals(total))}}`
      }))
    }
    const columns = [...by.flatMap((dimension) => dimension === 'key' ? ['key', 'key_name'] : [dimension]), ...Object.keys(TotalsSchema.properties)]
    return reply.type('text/csv; charset=utf-8; header=present').header('content-disposition', 'attachment; filename="usage.csv"').send(inPieces(rows, {
      head: csvLine(columns),
      row (row) {
        const told: Record<string, unknown> = tellRow(row)
        return csvLine(columns.map((column) => told[column]))
      }
    }))
  })
}

function dimensionsOf (text: string | undefined): Dimension[] {
  const names = text === undefined || text === '' ? [] : text.split(',').map((name) => name.trim())
  const unknown = names.find((name) => !DIMENSIONS.some((dimension) => dimension === name))
  if (unknown !== undefined) throw invalid('group_by', `"group_by" has ${JSON.stringify(unknown.slice(0, 40))}; it takes ${DIMENSIONS.join(', ')}, separated by commas.`)
  const by = DIMENSIONS.filter((dimension) => names.includes(dimension))
  if (by.includes('key') && by.includes('group')) throw apart('group_by')
  return by
}

function apart (param: string): Error {
  return invalid(param, 'A key may be in several groups, so that sums are of one or the other: ask for keys or for groups.')
}

function bound (name: string, text: string, timezone: string): number {
  const time = momentOf(name, text, timezone)
  const slot = slotOf(time)
  if (time !== slot) throw invalid(name, `"${name}" must be on a quarter of an hour, such as ${new Date(slot).toISOString()}: sums are kept by those.`)
  return time
}

function nextSlot (time: number): number {
  return slotOf(time) + SLOT
}

function tellRow (row: UsageRow): Static<ReturnType<typeof Type.Object<typeof Names>>> & TotalsReply {
  const { day, key, keyName, group, provider, model } = row
  return {
    ...day !== undefined && { day },
    ...key !== undefined && { key },
    ...keyName !== undefined && { key_name: keyName },
    ...group !== undefined && { group },
    ...provider !== undefined && { provider },
    ...model !== undefined && { model },
    ...tellTotals(row)
  }
}

function accepted (accept = ''): 'json' | 'csv' {
  return /\btext\/csv\b/i.test(accept) && !/\bapplication\/json\b/i.test(accept) ? 'csv' : 'json'
}
