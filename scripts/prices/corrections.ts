/**
 * Where the source is wrong or cannot say how a provider bills. An entry here takes the place of every entry of the source
 * whose id it matches. Look them up again whenever the catalogue is frozen anew.
 */
import type { Model, Price } from '../../plugins/prices/schema.ts'

const PEAK: Pick<Price, 'hours' | 'days'> = { hours: ['01:00-04:00', '06:00-10:00'], days: ['mon', 'tue', 'wed', 'thu', 'fri'] }

/** Chinese public holidays on working days since the vendor's page excepts them; those of 2027 were not yet announced, but for New Year. */
const HOLIDAYS = ['2026-09-25', '2026-10-01', '2026-10-02', '2026-10-05', '2026-10-06', '2026-10-07', '2027-01-01']

const twice = ({ input, cache_read: read = input, output }: Price): Price => ({ input: input * 2, cache_read: read * 2, output: output * 2 })

/** Rates by the hour since 16 August 2026, 16:00 UTC; at weekends off-peak all day since 22 August 2026, 16:00 UTC. */
function byHour (offPeak: Price): Price[] {
  return [
    { ...offPeak, from: '2026-08-16T16:00:00Z' },
    { ...twice(offPeak), from: '2026-08-16T16:00:00Z', hours: PEAK.hours ?? [] },
    { ...offPeak, from: '2026-08-22T16:00:00Z' },
    { ...twice(offPeak), from: '2026-08-22T16:00:00Z', ...PEAK, except: HOLIDAYS }
  ]
}

const FLASH: Price = { input: 0.15, cache_read: 0.003, output: 0.6 }

export const corrections: Record<string, Model[]> = {
  deepseek: [
    {
      id: 'deepseek-flash',
      match: ['deepseek-flash*', 'deepseek-v4-flash*', 'deepseek-v4.1-flash*', 'deepseek-chat', 'deepseek-reasoner'],
      context_window: 1_000_000,
      max_output_tokens: 393_216,
      prices: [
        { input: 0.14, cache_read: 0.0028, output: 0.28 },
        ...byHour({ input: 0.22, cache_read: 0.007, output: 0.66 }),
        { ...FLASH, from: '2026-09-10T04:00:00Z' },
        { ...twice(FLASH), from: '2026-09-10T04:00:00Z', ...PEAK, except: HOLIDAYS }
      ],
      reason: 'V4.1 Flash, which answers under the older names too (deepseek-chat and -reasoner named V4 Flash since April 2026, and were to end in July); peak hours are on weekdays only (api-docs.deepseek.com/quick_start/pricing)',
      as_of: '2026-11-24'
    },
    {
      id: 'deepseek-v4-pro',
      match: ['deepseek-v4-pro*'],
      context_window: 1_000_000,
      max_output_tokens: 393_216,
      prices: [{ input: 0.435, cache_read: 0.003625, output: 0.87 }, ...byHour({ input: 0.66, cache_read: 0.022, output: 1.98 })],
      reason: 'peak hours are on weekdays only (api-docs.deepseek.com/quick_start/pricing)',
      as_of: '2026-11-24'
    }
  ]
}
