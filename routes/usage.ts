import type { FastifyInstance } from 'fastify'
import { Type, type Static } from 'typebox'
import type { VirtualKey } from '../plugins/keys/index.ts'
import { groupOf } from '../plugins/keys/owner.ts'
import { formatDollars } from '../plugins/money.ts'
import { calendarWindow, type CalendarPer } from '../plugins/quota/window.ts'
import { strictQuery } from './admin/query.ts'
import { TotalsSchema, tellTotals, together } from './admin/totals.ts'

const HOUR = 3_600_000

const Period = Type.Object({ from: Type.String(), ...TotalsSchema.properties })

const Limit = Type.Object({
  name: Type.String({ description: 'Its field in keys.json.' }),
  group: Type.Optional(Type.String({ description: 'The group whose limit it is; without it, the key\'s own.' })),
  unit: Type.String({ description: 'requests, tokens, money (in billionths of a dollar) or parallel' }),
  per: Type.String(),
  timezone: Type.Optional(Type.String()),
  limit: Type.Number(),
  used: Type.Number({ description: 'Spent, and held for requests under way.' }),
  remaining: Type.Number(),
  remaining_usd: Type.Optional(Type.String({ description: 'Of money, in dollars.' })),
  resets_at: Type.Union([Type.String(), Type.Null()], { description: '`null` where nothing is used, or nothing ever comes back.' }),
  dry_run: Type.Optional(Type.Boolean({ description: 'It refuses nothing.' }))
})

const Reply = Type.Object({
  key: Type.Object({ id: Type.String(), name: Type.String() }),
  hour: Period,
  today: Period,
  month: Period,
  limits: Type.Array(Limit)
})

/**
 * `GET /usage`: what the key itself has used in this hour, day and month, UTC, and what its limits leave. Requests under
 * way are in the limits only: their use is known at their end.
 */
export default async function usageRoutes (fastify: FastifyInstance): Promise<void> {
  /** One look-up a key at a time, however often it is asked for. */
  const asked = new Map<string, Promise<Static<typeof Reply>>>()

  for (const url of ['/usage', '/v1/usage']) {
    fastify.get(url, {
      schema: {
        summary: 'What this key has used, and what is left',
        tags: ['usage'],
        hide: url !== '/usage',
        querystring: Type.Object({}, { additionalProperties: false }),
        response: { 200: Reply }
      },
      validatorCompiler: strictQuery,
      serializerCompiler: () => JSON.stringify
    }, async ({ key }, reply) => {
      let answer = asked.get(key.id)
      if (answer === undefined) {
        answer = tell(key).finally(() => asked.delete(key.id))
        asked.set(key.id, answer)
      }
      return reply.header('cache-control', 'private, no-store').send(await answer)
    })
  }

  async function tell (key: VirtualKey): Promise<Static<typeof Reply>> {
    const now = Date.now()
    const since = async (from: number): Promise<Static<typeof Period>> => {
      const rows = await fastify.reports.usage({ by: [], from, to: Number.MAX_SAFE_INTEGER, key: key.id, limit: 1 })
      return { from: new Date(from).toISOString(), ...tellTotals(together(rows)) }
    }
    const [hour, today, month, standing] = await Promise.all([
      since(now - now % HOUR),
      since(calendarWindow('day', 'UTC', now).startsAt),
      since(calendarWindow('month', 'UTC', now).startsAt),
      fastify.quota.standing(key)
    ])
    return {
      key: { id: key.id, name: key.label },
      hour,
      today,
      month,
      limits: standing.map(({ name, owner, unit, per, timezone, limit, used, remaining, resetAt, dryRun }) => {
        const group = groupOf(owner)
        return {
          name,
          ...group !== undefined && { group },
          unit,
          per,
          ...timezone !== undefined && { timezone },
          limit,
          used,
          remaining,
          ...unit === 'money' && { remaining_usd: formatDollars(remaining) },
          resets_at: resetAt === null ? null : new Date(isCalendar(per) ? calendarWindow(per, timezone ?? 'UTC', now).endsAt : resetAt).toISOString(),
          ...dryRun && { dry_run: true }
        }
      })
    }
  }
}

/** Such a window ends at a moment of the calendar, and not so many milliseconds from now. */
function isCalendar (per: string): per is CalendarPer {
  return per === 'day' || per === 'week' || per === 'month'
}
