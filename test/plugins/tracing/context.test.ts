import t from 'tap'
import { readContext, writeContext } from '../../../plugins/tracing/context.ts'

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736'
const SPAN = '00f067aa0ba902b7'
const PARENT = `00-${TRACE}-${SPAN}-01`

const state = (tracestate: string): string | undefined => readContext({ traceparent: PARENT, tracestate })?.state

t.test('a header that is right goes on as it came', async (t) => {
  for (const flags of ['00', '01', '02', '03']) {
    const traceparent = `00-${TRACE}-${SPAN}-${flags}`
    const context = readContext({ traceparent, tracestate: 'rojo=1,congo=t61rcWkgMzE' })
    t.match(context, { traceId: TRACE, spanId: SPAN, flags: Number(flags) })
    t.same(context && writeContext(context), { traceparent, tracestate: 'rojo=1,congo=t61rcWkgMzE' })
  }
  t.equal(readContext({}), undefined)
  t.equal(readContext({ tracestate: 'a=1' }), undefined, 'a state without a trace is none')
})

t.test('flags that no version has are cleared, and a later version is read as far as it is known', async (t) => {
  const sent = (traceparent: string): unknown => {
    const context = readContext({ traceparent })
    return context && writeContext(context).traceparent
  }
  t.equal(sent(`00-${TRACE}-${SPAN}-ff`), `00-${TRACE}-${SPAN}-03`)
  t.equal(sent(`cc-${TRACE}-${SPAN}-09`), `00-${TRACE}-${SPAN}-01`)
  t.equal(sent(`cc-${TRACE}-${SPAN}-01-what the future says`), PARENT)
  t.equal(sent(`cc-${TRACE}-${SPAN}-01.more`), undefined)
})

t.test('a header that is not right in every point is none', async (t) => {
  const wrong = [
    '', ' ', 'x', PARENT.slice(0, -1), `${PARENT}0`, `${PARENT}-`, `${PARENT}-00`, ` ${PARENT}`, `${PARENT} `, `${PARENT}, ${PARENT}`, `${PARENT}\n`,
    PARENT.toUpperCase(), `00-${TRACE.toUpperCase()}-${SPAN}-01`, `0-${TRACE}-${SPAN}-01`, `000-${TRACE}-${SPAN}-01`,
    `ff-${TRACE}-${SPAN}-01`, `00-${'0'.repeat(32)}-${SPAN}-01`, `00-${TRACE}-${'0'.repeat(16)}-01`,
    `00-${TRACE.slice(1)}-${SPAN}-01`, `00-${TRACE}-${SPAN}0-01`, `00-${TRACE}-${SPAN}-1`, `00-${TRACE}-${SPAN}-0g`, `00_${TRACE}_${SPAN}_01`, `00-${TRACE.slice(2)}xy-${SPAN}-01`
  ]
  for (const traceparent of wrong) t.equal(readContext({ traceparent }), undefined, JSON.stringify(traceparent))
})

t.test('a state that is not right is left out, and the trace goes on', async (t) => {
  t.equal(state('a=1, b=2 ,\tc=3'), 'a=1,b=2,c=3', 'spaces around members mean nothing')
  t.equal(state(',a=1,,'), 'a=1', 'nor do empty ones')
  t.equal(state(`${'k'.repeat(256)}=${'v'.repeat(256)}`), undefined, 'a member too long for all of it')
  t.equal(state('0tenant*/x_-@sys-1=a b!~'), '0tenant*/x_-@sys-1=a b!~')
  for (const wrong of ['', ',', 'a', '=1', 'a=', 'a= ', 'A=1', 'a=1=2', 'a=é', 'a=\u0001', 'a b=1', '@a=1', 'a@1=1', 'a=1,a=2', `a=${'v'.repeat(257)}`, `${'k'.repeat(257)}=1`, Array.from({ length: 33 }, (_, i) => `k${i}=1`).join(',')]) {
    t.equal(state(wrong), undefined, JSON.stringify(wrong.slice(0, 40)))
    t.equal(readContext({ traceparent: PARENT, tracestate: wrong })?.traceId, TRACE)
  }
})

t.test('a state has at most 512 characters: the last members are left out whole, long ones before others', async (t) => {
  const members = Array.from({ length: 20 }, (_, i) => `k${i}=${'v'.repeat(40)}`)
  const kept = state(members.join(',')) ?? ''
  t.ok(kept.length <= 512 && kept.length > 512 - 50)
  t.ok(members.join(',').startsWith(kept) && kept.endsWith('v'))
  t.equal(state(['a=1', `long=${'v'.repeat(250)}`, `longer=${'v'.repeat(256)}`, 'b=2'].join(',')), 'a=1,b=2')
  const most = `a=${'v'.repeat(253)},b=${'v'.repeat(254)}`
  t.equal(most.length, 512)
  t.equal(state(most), most)
})
