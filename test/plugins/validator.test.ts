import t from 'tap'
import { Ajv } from 'ajv'
import type { TSchema } from 'typebox'
import { Settings } from '../../plugins/config/schema.ts'
import { KeysSchema } from '../../plugins/keys/schema.ts'
import { OverridesSchema } from '../../plugins/prices/schema.ts'
import { validator } from '../../plugins/validator.ts'
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
