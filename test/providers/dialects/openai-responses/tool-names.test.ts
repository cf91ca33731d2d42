import t from 'tap'
import { flatNames } from '../../../../providers/dialects/openai-responses/tool-names.ts'

const group = (name: string, ...tools: object[]) => ({ type: 'namespace', name, tools })
const tool = (name: string, type = 'function') => ({ type, name })

t.test('a tool without a group keeps its name, one of a group takes both names', async (t) => {
  const names = flatNames({ tools: [tool('f'), tool('g', 'custom'), group('crm', tool('find'), tool('note', 'custom')), group('mcp__git__', tool('log'))] })
  t.same(['f', 'g'].map((name) => names.flat(undefined, name)), ['f', 'g'])
  t.same([names.flat('crm', 'find'), names.flat('crm', 'note'), names.flat('mcp__git__', 'log')], ['crm__find', 'crm__note', 'mcp__git__log'])
  t.same(names.split('f'), { name: 'f', custom: false })
  t.same(names.split('g'), { name: 'g', custom: true })
  t.same(names.split('crm__note'), { namespace: 'crm', name: 'note', custom: true })
  t.equal(names.split('crm__lose'), undefined)
})

t.test('names that are long, strange or taken are marked, each its own way and always the same', async (t) => {
  const long = 'x'.repeat(70)
  const tools = [group('a b', tool('c')), group('a.b', tool('c')), group(long, tool('1'), tool('2')), tool('crm__find'), group('crm', tool('find'))]
  const names = flatNames({ tools })
  const pairs = [['a b', 'c'], ['a.b', 'c'], [long, '1'], [long, '2'], ['crm', 'find']] as const
  const flat = pairs.map(([namespace, name]) => names.flat(namespace, name))
  t.equal(new Set([...flat, 'crm__find']).size, 6)
  for (const name of flat) t.match(name, /^[a-zA-Z0-9_-]{1,64}$/)
  t.same(flat.map((name) => names.split(name)), pairs.map(([namespace, name]) => ({ namespace, name, custom: false })))
  t.same(pairs.map(([namespace, name]) => flatNames({ tools }).flat(namespace, name)), flat)
  t.same(names.split('crm__find'), { name: 'crm__find', custom: false })
})

t.test('tools that an item adds, and tools that only the history calls', async (t) => {
  const names = flatNames({ tools: [tool('f')], input: [{ type: 'additional_tools', role: 'developer', tools: [group('late', tool('f'))] }] })
  t.same(names.split('late__f'), { namespace: 'late', name: 'f', custom: false })
  t.equal(names.flat('gone', 'g'), 'gone__g')
  t.equal(names.flat(undefined, 'h'), 'h')
  t.equal(names.flat('f', 'f'), 'f', 'a searched tool is its own group')
})

t.test('no request, no names', async (t) => {
  t.equal(flatNames(undefined).split('f'), undefined)
  t.equal(flatNames({ tools: 'none' }).flat(undefined, 'f'), 'f')
})
