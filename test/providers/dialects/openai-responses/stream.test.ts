import t from 'tap'
import { admit } from '../../../../providers/dialects/judge.ts'
import { jsonBody } from '../../../../routes/relay/body.ts'
import { openaiResponses } from '../../../../providers/dialects/openai-responses/index.ts'

const { errors, peek, stream } = openaiResponses

const response = (more: object = {}) => ({ id: 'resp_1', object: 'response', model: 'm1', status: 'in_progress', output: [], ...more })
const read = (event: { type: string } & Record<string, unknown>) => stream.read({ event: event.type, data: JSON.stringify(event) }, event)
const usage = { input_tokens: 3, output_tokens: 2 }
const counted = { input: 3, output: 2 }

t.test('what admission reads of a request', async (t) => {
  t.same(peek({ model: 'm', stream: true }), { model: 'm', stream: true, choices: 1, wantsUsage: true })
  const entries = [{ type: 'item_reference', id: 'msg_1' }, { id: 'rs_1' }, { type: null, id: 'rs_2' }, { type: 'message', id: 'msg_2', role: 'assistant', content: [] }, { role: 'user', id: 'msg_3' }, { type: 'reasoning', id: 'rs_3' }, { id: 4 }]
  const body = jsonBody(Buffer.from(JSON.stringify({ model: 'm', input: ['x', ...entries] })), openaiResponses.references)
  t.same(admit(openaiResponses, body).mentions,
    [{ param: 'input[1].id', id: 'msg_1' }, { param: 'input[2].id', id: 'rs_1' }, { param: 'input[3].id', id: 'rs_2' }], 'items that stand for themselves are none')
  t.same(peek({ model: 'm', previous_response_id: 'resp_0', conversation: 'conv_1' }).refers, [{ param: 'previous_response_id', id: 'resp_0' }, { param: 'conversation', id: 'conv_1' }])
  t.same(peek({ model: 'm', previous_response_id: null, conversation: { id: 'conv_1' } }).refers, [{ param: 'conversation', id: 'conv_1' }])
})

t.test('what is read of a stream that passes', async (t) => {
  t.same(read({ type: 'response.created', response: response({ conversation: { id: 'conv_1' } }) }), { id: 'resp_1', model: 'm1', stored: ['resp_1', 'conv_1'], around: true })
  t.same(read({ type: 'response.created', response: response({ store: false }) }), { id: 'resp_1', model: 'm1', around: true })
  t.same(read({ type: 'response.output_text.delta', delta: 'a' }), {})
  const ended = { id: 'resp_1', model: 'm1', usage: counted, ended: [0], end: true }
  t.same(read({ type: 'response.completed', response: response({ store: false, status: 'completed', usage }) }), { ...ended, finish: 'completed' })
  t.same(read({ type: 'response.incomplete', response: response({ store: false, usage, incomplete_details: { reason: 'max_output_tokens' } }) }), { ...ended, finish: 'max_output_tokens' })
  t.same(read({ type: 'response.failed', response: response({ store: false, usage, error: { code: 'server_error', message: 'Oh.' } }) }),
    { id: 'resp_1', model: 'm1', usage: counted, error: { code: 'server_error', message: 'Oh.', status: 500 }, end: true })
  t.match(read({ type: 'response.cancelled', response: response({ store: false, usage }) }), { usage: counted, error: {}, end: true })
  t.match(read({ type: 'error', code: 'server_error', message: 'Oh.' }), { error: { message: 'Oh.' }, end: false })
  t.same(stream.read({ data: '[DONE]' }, undefined), { farewell: true }, 'another dialect\'s word, which ends nothing alone')
})

t.test('what is read of a whole reply', async (t) => {
  t.same(stream.readWhole(response({ status: 'completed', usage })), { id: 'resp_1', model: 'm1', usage: counted, stored: ['resp_1'], finish: 'completed' })
  t.same(stream.readWhole(response({ status: 'completed', output: [{ type: 'message', id: 'msg_1' }, { type: 'odd' }] })).stored, ['resp_1', 'msg_1'])
  t.same(stream.readWhole(response({ status: 'completed', store: false, output: [{ type: 'message', id: 'msg_1' }] })).stored, undefined)
  t.same(stream.readWhole(response({ status: 'queued', store: false })), { id: 'resp_1', model: 'm1' })
  t.match(stream.readWhole(response({ status: 'failed', error: { code: 'server_error', message: 'Oh.' } })), { error: { message: 'Oh.' }, finish: undefined })
})

function fold (...events: object[]): Record<string, unknown> {
  const folding = stream.fold()
  for (const event of events) folding.push({ data: JSON.stringify(event) })
  return folding.body()
}

t.test('a stream is folded by its last event, or by all before it', async (t) => {
  const item = { type: 'message', id: 'i0', content: [{ type: 'output_text', text: 'ab' }] }
  const pieces = [
    { type: 'response.created', response: response() },
    { type: 'response.output_item.added', output_index: 1, item: { type: 'function_call', id: 'i1', arguments: '' } },
    { type: 'response.function_call_arguments.delta', output_index: 1, delta: '{"a"' },
    { type: 'response.function_call_arguments.delta', output_index: 1, delta: ':1}' },
    { type: 'response.output_item.added', output_index: 0, item: { type: 'message', id: 'i0', content: [] } },
    { type: 'response.content_part.added', output_index: 0, content_index: 0, part: { type: 'output_text', text: '' } },
    { type: 'response.output_text.delta', output_index: 0, content_index: 0, delta: 'a' },
    { type: 'response.output_text.delta', output_index: 0, content_index: 0, delta: 'b' }
  ]
  const call = { type: 'function_call', id: 'i1', arguments: '{"a":1}' }
  t.same(fold(...pieces), response({ output: [item, call] }), 'cut off')
  t.same(fold(...pieces, { type: 'response.completed', response: response({ status: 'completed', output: [item] }) }), response({ status: 'completed', output: [item] }))
  t.same(fold(...pieces, { type: 'response.output_item.done', output_index: 0, item: { ...item, status: 'completed' } }, { type: 'response.completed', response: response({ status: 'completed' }) }),
    response({ status: 'completed', output: [{ ...item, status: 'completed' }, call] }), 'the last event leaves it out')
  const thought = { type: 'response.reasoning_summary_text.delta', output_index: 0, summary_index: 0, delta: 'Hm' }
  t.same(fold({ type: 'response.output_item.added', output_index: 0, item: { type: 'reasoning', summary: [] } }, thought, { type: 'error', code: 'x', message: 'Oh.' }),
    { error: { code: 'x', message: 'Oh.', param: null }, output: [{ type: 'reasoning', summary: [{ text: 'Hm' }] }] })
})

t.test('a response is unfolded to the events of a stream', async (t) => {
  const types = (body: Record<string, unknown>): string[] => stream.unfold(body).map(({ event, data }) => {
    t.equal(JSON.parse(data).type, event)
    return String(event).replace('response.', '')
  })
  const output = [
    { type: 'reasoning', id: 'i0', summary: [{ type: 'summary_text', text: 'Hm' }] },
    { type: 'message', id: 'i1', content: [{ type: 'output_text', text: 'a', annotations: [{ type: 'url_citation' }] }, { type: 'refusal', refusal: 'b' }] },
    { type: 'function_call', id: 'i2', arguments: '' },
    { type: 'custom_tool_call', id: 'i3', input: 'x' },
    { type: 'web_search_call', id: 'i4' }
  ]
  t.same(types(response({ status: 'completed', output })), [
    'created', 'in_progress',
    'output_item.added', 'reasoning_summary_part.added', 'reasoning_summary_text.delta', 'reasoning_summary_text.done', 'reasoning_summary_part.done', 'output_item.done',
    'output_item.added', 'content_part.added', 'output_text.delta', 'output_text.done', 'output_text.annotation.added', 'content_part.done', 'content_part.added', 'refusal.delta', 'refusal.done', 'content_part.done', 'output_item.done',
    'output_item.added', 'function_call_arguments.done', 'output_item.done',
    'output_item.added', 'custom_tool_call_input.delta', 'custom_tool_call_input.done', 'output_item.done',
    'output_item.added', 'output_item.done',
    'completed'
  ])
  t.equal(types(response({ status: 'incomplete' })).at(-1), 'incomplete')
  t.equal(types(response({ status: 'failed' })).at(-1), 'failed')
  t.equal(types(response({ status: 'queued' })).at(-1), 'in_progress', 'one that is still worked on has no end')
})

t.test('an error as the last event of a stream', async (t) => {
  const error = { status: 502, code: 'upstream_broke', message: 'Gone.' }
  const told = (reply?: { id: string, model: string }) => errors.events(error, reply).map(({ data }) => JSON.parse(data))
  t.match(told({ id: 'resp_7', model: 'm' }), [{ type: 'response.failed', response: { id: 'resp_7', model: 'm', status: 'failed', error: { code: 'upstream_broke', message: 'Gone.' }, output: [] } }])
  t.match(told(), [{ type: 'response.created', response: { id: 'resp_0', error: null } }, { type: 'response.failed', response: { id: 'resp_0' } }], 'where nothing has gone before')
})
