import t from 'tap'
import { openingOf } from '../../../providers/dialects/opening.ts'

const mark = { cache_control: { type: 'ephemeral' } }
const later = [{ role: 'assistant', content: 'a' }, { role: 'user', content: [{ type: 'text', text: 'more', ...mark }] }]

t.test('a conversation has one opening, wherever its client puts the marks for the cache', async (t) => {
  const first = openingOf({ system: [{ type: 'text', text: 's', ...mark }], messages: [{ role: 'user', content: [{ type: 'text', text: 'a' }, { type: 'text', text: 'b', ...mark }] }] })
  t.equal(openingOf({ system: 's', messages: [{ role: 'user', content: [{ type: 'text', text: 'a' }, { type: 'text', text: 'b' }] }, ...later] }), first)
  t.equal(
    openingOf({ messages: [{ role: 'system', content: [{ type: 'text', text: 's', ...mark }] }, { role: 'user', content: [{ type: 'text', text: 'a', ...mark }] }] }),
    openingOf({ messages: [{ role: 'system', content: 's' }, { role: 'user', content: 'a' }, ...later] }))
})

t.test('other conversations have others', async (t) => {
  const openings = [
    { messages: [{ role: 'user', content: 'a' }] },
    { messages: [{ role: 'user', content: 'b' }] },
    { messages: [{ role: 'user', content: [{ type: 'text', text: 'a' }, { type: 'text', text: 'b' }] }] },
    { messages: [{ role: 'user', content: [{ type: 'image', text: 'a' }] }] },
    { system: 'a', messages: [{ role: 'user', content: 'a' }] },
    { instructions: 'a', input: 'b' },
    { input: 'a' },
    { input: [{ role: 'user', content: 'a' }] },
    { prompt: 'a' },
    { prompt_cache_key: 'a', messages: [{ role: 'user', content: 'a' }] }
  ].map(openingOf)
  t.equal(new Set(openings).size, openings.length)
  t.equal(openings.at(-1), 'a')
})
