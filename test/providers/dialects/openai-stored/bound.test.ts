import t from 'tap'
import { stored } from '../../../../providers/dialects/openai-stored/index.ts'

t.test('what is kept costs nothing, a batch what is in its file', async (t) => {
  for (const { id, bound } of stored) {
    t.strictSame([bound?.({})?.free, bound?.({})?.unbounded], [true, []], id)
  }
  const batch = stored.find(({ id }) => id === 'openai-batches')?.bound?.({ input_file_id: 'file-1', endpoint: '/v1/chat/completions' })
  t.strictSame([batch?.free, batch?.unbounded], [undefined, ['input_file_id']])
})
