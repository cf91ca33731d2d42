import { digest, type Answer, type Question, type Tool, type ToolCall, type Turn } from './answer.ts'
import { fields, list, text, type Fields } from './fields.ts'
import { frame } from './messages.ts'
import { jsonPieces, pieces } from './pieces.ts'
import { Refusal } from './refusal.ts'
import { sign } from './signature.ts'

/** Responses: https://platform.openai.com/docs/api-reference/responses. Nothing is stored: each request brings its history. */

const KNOWN = new Set(('access_programs background client_metadata context_management conversation image include input instructions max_output_tokens max_tool_calls metadata model ' +
  'moderation parallel_tool_calls previous_response_id prompt prompt_cache_key prompt_cache_options prompt_cache_retention reasoning ' +
  'safety_identifier service_tier store stream stream_options temperature text tool_choice tools top_logprobs top_p truncation user').split(' '))

/** Replies are dated, and must be the same each time: 1 January 2026. */
const CREATED = 1767225600

export function readResponses (body: Fields): Question {
  const unknown = Object.keys(body).find(name => !KNOWN.has(name))
  if (unknown !== undefined) throw new Refusal(400, `Unknown parameter: '${unknown}'.`, unknown)
  const model = text(body.model)
  if (model === '') throw new Refusal(400, 'Missing required parameter: \'model\'.', 'model')
  if (text(body.previous_response_id) !== '') throw new Refusal(400, 'Previous response not found: the simulator stores none.', 'previous_response_id')
  const tools = list(body.tools).map(fields).flatMap(readTools)
  const effort = fields(body.reasoning).effort ?? (model === 'sim-thinker' ? 'medium' : 'none')
  const format = fields(fields(body.text).format)
  return {
    id: digest(body),
    model,
    turns: [...text(body.instructions) === '' ? [] : [{ role: 'system' as const, text: text(body.instructions) }], ...readInput(body.input)],
    tools,
    toolChoice: readChoice(body.tool_choice),
    parallelTools: body.parallel_tool_calls !== false,
    thinks: effort !== 'none',
    ...(format.type === 'json_object' && { json: {} }),
    ...(format.type === 'json_schema' && { json: { schema: format.schema } }),
    ...(typeof body.max_output_tokens === 'number' && { maxTokens: body.max_output_tokens }),
    stop: [],
    stream: body.stream === true,
    streamUsage: true
  }
}

export function wholeResponse (question: Question, answer: Answer): object {
  const cut = answer.finish === 'length'
  return {
    ...emptyResponse(question),
    status: cut ? 'incomplete' : 'completed',
    incomplete_details: cut ? { reason: 'max_output_tokens' } : null,
    output: items(question, answer).map(({ item }) => item),
    usage: writeUsage(answer)
  }
}

/** The frames of the stream, in order. */
export function responseFrames (question: Question, answer: Answer): string[] {
  const whole = wholeResponse(question, answer) as { status: string }
  const response = { ...emptyResponse(question), status: 'in_progress', output: [] }
  const events: Array<Fields & { type: string }> = [
    { type: 'response.created', response },
    { type: 'response.in_progress', response },
    ...items(question, answer).flatMap(({ item, empty, events }, index) => [
      { type: 'response.output_item.added', output_index: index, item: empty },
      ...events.map(event => ({ ...event, output_index: index, item_id: item.id })),
      { type: 'response.output_item.done', output_index: index, item }
    ]),
    { type: `response.${whole.status}`, response: whole }
  ]
  return events.map((event, index) => frame({ ...event, sequence_number: index }))
}

/** The error as the end of a stream under way. */
export function responseFailure (error: object): string {
  const { code, message, param } = fields(fields(error).error)
  return frame({ type: 'error', code, message, param, sequence_number: 0 })
}

interface Item { item: Fields, empty: Fields, events: Array<Fields & { type: string }> }

function items ({ id, tools }: Question, answer: Answer): Item[] {
  const said: Item[] = []
  if (answer.thoughts !== '') said.push(reasoning(id, answer.thoughts))
  if (answer.text !== '') said.push(message(id, answer.text))
  const custom = new Set(tools.filter(({ schema }) => schema === TEXT).map(({ name }) => name))
  said.push(...answer.calls.map(call => custom.has(call.name) ? customCall(call) : functionCall(call)))
  return said
}

function reasoning (id: string, thoughts: string): Item {
  const item = { id: `rs_${id}`, type: 'reasoning', summary: [{ type: 'summary_text', text: thoughts }], encrypted_content: sign(thoughts) }
  const at = { summary_index: 0 }
  return {
    item,
    empty: { ...item, summary: [] },
    events: [
      { type: 'response.reasoning_summary_part.added', ...at, part: { type: 'summary_text', text: '' } },
      ...pieces(thoughts).map(delta => ({ type: 'response.reasoning_summary_text.delta', ...at, delta })),
      { type: 'response.reasoning_summary_text.done', ...at, text: thoughts },
      { type: 'response.reasoning_summary_part.done', ...at, part: item.summary[0] }
    ]
  }
}

function message (id: string, said: string): Item {
  const part = { type: 'output_text', text: said, annotations: [], logprobs: [] }
  const item = { id: `msg_${id}`, type: 'message', role: 'assistant', status: 'completed', content: [part] }
  const at = { content_index: 0 }
  return {
    item,
    empty: { ...item, status: 'in_progress', content: [] },
    events: [
      { type: 'response.content_part.added', ...at, part: { ...part, text: '' } },
      ...pieces(said).map(delta => ({ type: 'response.output_text.delta', ...at, delta, logprobs: [] })),
      { type: 'response.output_text.done', ...at, text: said, logprobs: [] },
      { type: 'response.content_part.done', ...at, part }
    ]
  }
}

function functionCall (call: ToolCall): Item {
  const item = { id: `fc_${call.id}`, type: 'function_call', status: 'completed', call_id: `call_${call.id}`, name: call.name, arguments: JSON.stringify(call.arguments) }
  return {
    item,
    empty: { ...item, status: 'in_progress', arguments: '' },
    events: [
      ...jsonPieces(call.arguments).map(delta => ({ type: 'response.function_call_arguments.delta', delta })),
      { type: 'response.function_call_arguments.done', name: call.name, arguments: item.arguments }
    ]
  }
}

function customCall (call: ToolCall): Item {
  const input = text(fields(call.arguments).input)
  const item = { id: `ctc_${call.id}`, type: 'custom_tool_call', status: 'completed', call_id: `call_${call.id}`, name: call.name, input }
  return {
    item,
    empty: { ...item, status: 'in_progress', input: '' },
    events: [
      ...pieces(input).map(delta => ({ type: 'response.custom_tool_call_input.delta', delta })),
      { type: 'response.custom_tool_call_input.done', input }
    ]
  }
}

function emptyResponse ({ id, model }: Question): Fields {
  return {
    id: `resp_${id}`,
    object: 'response',
    created_at: CREATED,
    model,
    error: null,
    incomplete_details: null,
    instructions: null,
    metadata: {},
    parallel_tool_calls: true,
    previous_response_id: null,
    store: false,
    temperature: 1,
    text: { format: { type: 'text' } },
    tool_choice: 'auto',
    tools: [],
    top_p: 1,
    truncation: 'disabled',
    usage: null
  }
}

/** Cached tokens are part of the input's, thoughts of the output's. */
function writeUsage ({ usage: { input, thoughts, output } }: Answer): object {
  return {
    input_tokens: input,
    input_tokens_details: { cached_tokens: 0 },
    output_tokens: thoughts + output,
    output_tokens_details: { reasoning_tokens: thoughts },
    total_tokens: input + thoughts + output
  }
}

function readInput (input: unknown): Turn[] {
  if (typeof input === 'string') return [{ role: 'user', text: input }]
  const items = list(input).map(fields)
  if (items.length === 0) throw new Refusal(400, 'Missing required parameter: \'input\'.', 'input')
  /** Calls that wait for their output, by id. */
  const open = new Map<string, string>()
  const turns = items.flatMap((item, index): Turn[] => {
    switch (item.type ?? 'message') {
      case 'message': return [{ role: readRole(item.role, index), text: readContent(item.content) }]
      case 'reasoning':
        checkProof(item, index)
        return []
      case 'function_call':
      case 'custom_tool_call':
        open.set(text(item.call_id), text(item.name))
        return []
      case 'function_call_output':
      case 'custom_tool_call_output': {
        const tool = open.get(text(item.call_id))
        if (tool === undefined) throw new Refusal(400, `No tool call found for function call output with call_id ${text(item.call_id)}.`, 'input')
        open.delete(text(item.call_id))
        return [{ role: 'tool', tool, text: readContent(item.output) }]
      }
      default: throw new Refusal(400, `Invalid value: '${text(item.type)}'.`, `input[${index}].type`)
    }
  })
  const [waiting] = open.keys()
  if (waiting !== undefined) throw new Refusal(400, `No tool output found for function call ${waiting}.`, 'input')
  return turns
}

function checkProof (item: Fields, index: number): void {
  const thoughts = list(item.summary).map(part => text(fields(part).text)).join('')
  if (item.encrypted_content !== sign(thoughts)) throw new Refusal(400, 'The encrypted content could not be verified.', `input[${index}]`)
}

function readRole (role: unknown, index: number): Turn['role'] {
  if (role === 'user' || role === 'assistant' || role === 'system') return role
  if (role === 'developer') return 'system'
  throw new Refusal(400, `Invalid value: '${text(role)}'.`, `input[${index}].role`)
}

/** A string, or parts; what is not text is named in brackets. */
function readContent (content: unknown): string {
  if (typeof content === 'string') return content
  const names = new Map([['input_image', '[image]'], ['input_audio', '[audio]'], ['input_file', '[document]']])
  return list(content).map(fields).map(part => names.get(text(part.type)) ?? text(part.text)).join(' ')
}

/** The schema of a custom tool, which takes text. */
const TEXT = { type: 'object', properties: { input: { type: 'string' } }, required: ['input'] }

function readTools (tool: Fields): Tool[] {
  if (tool.type === 'function') return [{ name: text(tool.name), schema: tool.parameters }]
  if (tool.type === 'custom') return [{ name: text(tool.name), schema: TEXT }]
  // Codex has some of its own in one. They may be offered, and are never called.
  if (tool.type === 'namespace') return []
  throw new Refusal(400, `The simulator has no tool of type '${text(tool.type)}'.`, 'tools')
}

function readChoice (choice: unknown): Question['toolChoice'] {
  if (choice === 'none' || choice === 'required') return choice
  const name = text(fields(choice).name)
  return name === '' ? 'auto' : { name }
}
