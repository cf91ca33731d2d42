import t from 'tap'
import { dialects } from '../../../providers/dialects/index.ts'
import { builtinProviders, compatible, loadBuiltin } from '../../../providers/index.ts'
import { dialectLaws, pairLaws, providerLaws } from '../../laws.ts'

t.test('the laws of dialects', async (t) => {
  for (const dialect of dialects.values()) {
    for (const { name, run } of dialectLaws(dialect)) t.doesNotThrow(run, name)
  }
})

t.test('the laws between dialects', async (t) => {
  for (const one of dialects.values()) {
    for (const other of dialects.values()) {
      if (one === other) continue
      for (const { name, run } of pairLaws(one, other)) t.doesNotThrow(run, name)
    }
  }
})

t.test('the laws of providers', async (t) => {
  for (const provider of [...await Promise.all(builtinProviders.map(loadBuiltin)), compatible('groq')]) {
    for (const { name, run } of providerLaws(provider)) t.doesNotThrow(run, `${provider.name}: ${name}`)
  }
})

t.test('a provider that breaks them is told', async (t) => {
  const broken = { name: 'Acme', baseUrl: 'ftp://acme.example/', auth: { header: 'X-Key' }, dialects: { 'acme-talk': { path: '/' } }, targets: [{ match: 'a' }, { match: 'ab' }] }
  for (const { name, run } of providerLaws(broken)) t.throws(run, name)
})
