import t from 'tap'
import { calendarWindow, type CalendarPer } from '../../../plugins/quota/window.ts'

type Case = [per: CalendarPer, timezone: string, moment: string, name: string, from: string, to: string]

const cases: Case[] = [
  ['day', 'UTC', '2026-11-26T23:59:59.999Z', '2026-11-26', '2026-11-26T00:00:00Z', '2026-11-27T00:00:00Z'],
  ['month', 'UTC', '2026-12-31T12:00:00Z', '2026-12', '2026-12-01T00:00:00Z', '2027-01-01T00:00:00Z'],
  ['month', 'UTC', '2028-02-29T12:00:00Z', '2028-02', '2028-02-01T00:00:00Z', '2028-03-01T00:00:00Z'],
  // ISO weeks at the turn of a year.
  ['week', 'UTC', '2026-11-26T12:00:00Z', '2026-W48', '2026-11-23T00:00:00Z', '2026-11-30T00:00:00Z'],
  ['week', 'UTC', '2027-01-03T23:59:59Z', '2026-W53', '2026-12-28T00:00:00Z', '2027-01-04T00:00:00Z'],
  ['week', 'UTC', '2027-01-04T00:00:00Z', '2027-W01', '2027-01-04T00:00:00Z', '2027-01-11T00:00:00Z'],
  ['week', 'UTC', '2024-12-30T00:00:00Z', '2025-W01', '2024-12-30T00:00:00Z', '2025-01-06T00:00:00Z'],
  // Days of 23 and of 25 hours.
  ['day', 'Europe/Berlin', '2026-03-29T12:00:00Z', '2026-03-29', '2026-03-28T23:00:00Z', '2026-03-29T22:00:00Z'],
  ['day', 'Europe/Berlin', '2026-10-25T00:30:00Z', '2026-10-25', '2026-10-24T22:00:00Z', '2026-10-25T23:00:00Z'],
  ['week', 'America/New_York', '2026-11-01T12:00:00Z', '2026-W44', '2026-10-26T04:00:00Z', '2026-11-02T05:00:00Z'],
  ['month', 'Europe/Berlin', '2026-11-30T23:30:00Z', '2026-12', '2026-11-30T23:00:00Z', '2026-12-31T23:00:00Z'],
  // Offsets of 30 and 45 minutes, and clocks that are put forward by half an hour.
  ['day', 'Asia/Kolkata', '2026-11-26T18:30:00Z', '2026-11-27', '2026-11-26T18:30:00Z', '2026-11-27T18:30:00Z'],
  ['day', 'Asia/Kathmandu', '2026-11-26T18:14:59Z', '2026-11-26', '2026-11-25T18:15:00Z', '2026-11-26T18:15:00Z'],
  ['day', 'Pacific/Chatham', '2026-11-26T10:15:00Z', '2026-11-27', '2026-11-26T10:15:00Z', '2026-11-27T10:15:00Z'],
  ['day', 'Australia/Lord_Howe', '2026-10-04T12:00:00Z', '2026-10-04', '2026-10-03T13:30:00Z', '2026-10-04T13:00:00Z'],
  ['day', 'America/St_Johns', '2026-11-26T03:30:00Z', '2026-11-26', '2026-11-26T03:30:00Z', '2026-11-27T03:30:00Z'],
  // Midnights that do not exist: the clock goes from 23:59:59 to 01:00:00.
  ['day', 'America/Santiago', '2026-09-06T12:00:00Z', '2026-09-06', '2026-09-06T04:00:00Z', '2026-09-07T03:00:00Z'],
  ['day', 'Africa/Cairo', '2026-04-24T12:00:00Z', '2026-04-24', '2026-04-23T22:00:00Z', '2026-04-24T21:00:00Z'],
  ['day', 'Asia/Beirut', '2026-03-29T12:00:00Z', '2026-03-29', '2026-03-28T22:00:00Z', '2026-03-29T21:00:00Z'],
  // And those that come twice: the first counts.
  ['day', 'America/Havana', '2026-11-01T12:00:00Z', '2026-11-01', '2026-11-01T04:00:00Z', '2026-11-02T05:00:00Z'],
  // A clock that went back over midnight, a minute after it.
  ['day', 'America/St_Johns', '2010-11-07T02:30:59Z', '2010-11-06', '2010-11-06T02:30:00Z', '2010-11-07T03:30:00Z'],
  ['day', 'America/St_Johns', '2010-11-07T03:00:00Z', '2010-11-06', '2010-11-06T02:30:00Z', '2010-11-07T03:30:00Z'],
  // A day that was left out.
  ['day', 'Pacific/Apia', '2011-12-30T09:59:59Z', '2011-12-29', '2011-12-29T10:00:00Z', '2011-12-30T10:00:00Z'],
  ['day', 'Pacific/Apia', '2011-12-30T10:00:00Z', '2011-12-31', '2011-12-30T10:00:00Z', '2011-12-31T10:00:00Z'],
  // The furthest.
  ['day', 'Pacific/Kiritimati', '2026-11-26T10:00:00Z', '2026-11-27', '2026-11-26T10:00:00Z', '2026-11-27T10:00:00Z'],
  ['day', 'Etc/GMT+12', '2026-11-26T11:59:59Z', '2026-11-25', '2026-11-25T12:00:00Z', '2026-11-26T12:00:00Z']
]

t.test('days, ISO weeks and months in a time zone (S25)', async (t) => {
  for (const [per, timezone, moment, name, from, to] of cases) {
    t.same(calendarWindow(per, timezone, Date.parse(moment)), { name, startsAt: Date.parse(from), endsAt: Date.parse(to) }, `${per} of ${moment} in ${timezone}`)
  }
})

t.test('windows leave nothing out and do not overlap, in whatever order they are asked for', async (t) => {
  const zones = ['UTC', 'Europe/Berlin', 'America/Santiago', 'America/St_Johns', 'Asia/Kathmandu', 'Australia/Lord_Howe', 'Pacific/Apia', 'America/Havana', 'Africa/Cairo', 'Africa/Casablanca']
  for (const zone of zones) {
    for (const per of ['day', 'week', 'month'] as const) {
      const names = new Set<string>()
      // America/St_Johns put its clocks back over midnight until 2011, so that a date came twice.
      let time = Date.UTC(zone === 'America/St_Johns' || zone === 'Pacific/Apia' ? 2010 : 2025, 9, 1)
      const end = time + 500 * 86_400_000
      while (time < end) {
        const window = calendarWindow(per, zone, time)
        if (window.startsAt > time || window.endsAt <= time) throw new Error(`${per} in ${zone} at ${new Date(time).toISOString()}`)
        if (names.has(window.name)) throw new Error(`${window.name} in ${zone} comes twice`)
        names.add(window.name)
        const last = calendarWindow(per, zone, window.endsAt - 1)
        const next = calendarWindow(per, zone, window.endsAt)
        if (last.name !== window.name) throw new Error(`${window.name} in ${zone} ends too late`)
        if (next.startsAt !== window.endsAt) throw new Error(`${next.name} in ${zone} begins ${next.startsAt - window.endsAt} ms after ${window.name}`)
        for (const later of [60_000, 1_800_000, 5_400_000]) {
          calendarWindow(per, zone, time + 200 * 86_400_000)
          if (calendarWindow(per, zone, window.endsAt + later).name !== next.name) throw new Error(`${per} in ${zone} at ${new Date(window.endsAt + later).toISOString()}`)
        }
        if (window.endsAt % (15 * 60_000) !== 0 && zone !== 'America/St_Johns') throw new Error(`${window.name} in ${zone} ends beside a quarter of an hour`)
        time = window.endsAt
      }
    }
  }
  t.pass(`${zones.length} zones`)
})
