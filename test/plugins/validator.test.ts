import { globSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, dirname } from 'node:path'
import { compileFunction } from 'node:vm'
import t from 'tap'
import { Ajv, type ValidateFunction } from 'ajv'
import standalone from 'ajv/dist/standalone/index.js'
import type { TSchema } from 'typebox'
import { Settings } from '../../plugins/config/schema.ts'
import { KeysSchema } from '../../plugins/keys/schema.ts'
import { OverridesSchema } from '../../plugins/prices/schema.ts'
import { validator, type Judge } from '../../plugins/validator.ts'
import { dialects } from '../../providers/dialects/index.ts'
import { ProviderSchema } from '../../providers/provider.ts'

t.test('what a start does not judge: every schema of ours is one', async (t) => {
  const judge = new Ajv()
  const schemas: Record<string, TSchema> = { KeysSchema, OverridesSchema, ProviderSchema, Settings }
  for (const { id, admission } of dialects.values()) schemas[id] = admission
  for (const [name, schema] of Object.entries(schemas)) t.ok(judge.validateSchema(schema), name)
})

t.test('a schema is compiled strictly all the same', async (t) => {
  t.throws(() => validator().compile({ type: 'object', propertys: {} }), /unknown keyword/)
})

t.test('a judge that the build writes down judges as the one it was made of', async (t) => {
  const files = globSync('plugins/**/validate-*.ts')
  t.same(files.map((file) => basename(file)).sort(), ['validate-keys.ts', 'validate-provider.ts', 'validate-settings.ts'])
  const values = [
    {}, { virtual_keys: {} }, { virtual_keys: { vk_a: { provider: 'openai', api_key: 'k', expires_at: 'x', timeouts: { idle: '1x' }, more: 1 } } },
    { virtual_keys: { vk_a: { provider: 'openai', api_key: 'sk-1', groups: ['a', 'a'], name: '' } } }, { GATEWAY_PORT: 'x' }, { GATEWAY_PORT: '80', LOG_FORMAT: 'none' }, { name: 'UPPER' }, 7, null
  ]
  for (const file of files) {
    const { validate } = await import(new URL(`../../${file}`, import.meta.url).href) as { validate: Judge<unknown> }
    const made: { exports: { validate?: ValidateFunction } } = { exports: {} }
    const code = standalone.default(validate.ajv, validate).replaceAll(/^"use strict";|export default \w+;/g, '').replace('export const validate =', 'made.exports.validate =')
    const folder = new URL(`../../${dirname(file)}/formats.ts`, import.meta.url)
    const { formats } = code.includes('formats') ? await import(folder.href) as { formats: object } : { formats: {} }
    compileFunction(code, ['made', 'formats', 'require'])(made, formats, createRequire(import.meta.url))
    for (const value of values) {
      const [once, twice] = [structuredClone(value), structuredClone(value)]
      const passes = made.exports.validate?.(once)
      t.equal(passes, validate(twice))
      t.same(made.exports.validate?.errors, validate.errors, file)
      t.same(once, twice)
    }
  }
})
