import { digest, type Answer, type Question, type Turn } from './answer.ts'
import { fields, list, text, type Fields } from './fields.ts'
import { jsonPieces, pieces } from './pieces.ts'
import { Refusal } from './refusal.ts'
import { sign } from './signature.ts'

/** Messages: https://docs.anthropic.com/en/api/messages. Strict about what it is sent, as the real one is. */

const KNOWN = new Set(('cache_control container context_management diagnostics inference_geo max_tokens mcp_servers messages metadata model ' +
  'output_config service_tier speed stop_sequences stream system temperature thinking tool_choice tools top_k top_p user_profile_id workspace_id').split(' '))

const STOP_REASON = { stop: 'end_turn', 'stop-sequence': 'stop_sequence', length: 'max_tokens', 'tool-calls': 'tool_use' }

export function readMessagesRequest (body: Fields): Question {
  const unknown = Object.keys(body).find(name => !KNOWN.has(name))
  if (unknown !== undefined) throw new Refusal(400, `${unknown}: Extra inputs are not permitted`)
  const { max_tokens: maxTokens } = body
  if (text(body.model) === '') throw new Refusal(400, 'model: Field required')
  if (typeof maxTokens !== 'number') throw new Refusal(400, 'max_tokens: Field required')
  if (!Number.isInteger(maxTokens) || maxTokens < 1) throw new Refusal(400, 'max_tokens: Input should be an integer of at least 1')
  const choice = fields(body.tool_choice)
  const thinks = readThinking(body, maxTokens)
  const format = fields(fields(body.output_config).format)
  return {
    id: digest(body),
    model: text(body.model),
    turns: [{ role: 'system', text: readText(body.system) }, ...readTurns(list(body.messages).map(fields))],
    tools: list(body.tools).map(fields).filter(tool => 'input_schema' in tool)
      .map(tool => ({ name: text(tool.name), schema: tool.input_schema })),
    toolChoice: choice.type === 'tool' ? { name: text(choice.name) } : choice.type === 'any' ? 'required' : choice.type === 'none' ? 'none' : 'auto',
    parallelTools: choice.disable_parallel_tool_use !== true,
    thinks,
    ...(format.type === 'json_schema' && { json: { schema: format.schema } }),
    maxTokens,
    stop: list(body.stop_sequences).map(text),
    stream: body.stream === true,
    streamUsage: true
  }
}

export function wholeMessage (question: Question, answer: Answer): object {
  return {
    ...emptyMessage(question),
    content: [
      ...(answer.thoughts === '' ? [] : [{ type: 'thinking', thinking: answer.thoughts, signature: sign(answer.thoughts) }]),
      ...(answer.text === '' ? [] : [{ type: 'text', text: answer.text }]),
      ...answer.calls.map(call => ({ type: 'tool_use', id: `toolu_${call.id}`, name: call.name, input: call.arguments }))
    ],
    ...ending(answer),
    usage: writeUsage(answer, answer.usage.thoughts + answer.usage.output)
  }
}

/** The frames of the stream, in order. */
export function messageFrames (question: Question, answer: Answer): string[] {
  const blocks: Array<{ start: object, deltas: object[] }> = []
  if (answer.thoughts !== '') {
    blocks.push({
      start: { type: 'thinking', thinking: '', signature: '' },
      deltas: [
        ...pieces(answer.thoughts).map(thinking => ({ type: 'thinking_delta', thinking })),
        { type: 'signature_delta', signature: sign(answer.thoughts) }
      ]
    })
  }
  if (answer.text !== '') {
    blocks.push({ start: { type: 'text', text: '' }, deltas: pieces(answer.text).map(text => ({ type: 'text_delta', text })) })
  }
  for (const call of answer.calls) {
    blocks.push({
      start: { type: 'tool_use', id: `toolu_${call.id}`, name: call.name, input: {} },
      deltas: ['', ...jsonPieces(call.arguments)].map(json => ({ type: 'input_json_delta', partial_json: json }))
    })
  }
  return [
    frame({ type: 'message_start', message: { ...emptyMessage(question), usage: writeUsage(answer, 0) } }),
    frame({ type: 'ping' }),
    ...blocks.flatMap(({ start, deltas }, index) => [
      frame({ type: 'content_block_start', index, content_block: start }),
      ...deltas.map(delta => frame({ type: 'content_block_delta', index, delta })),
      frame({ type: 'content_block_stop', index })
    ]),
    frame({ type: 'message_delta', delta: ending(answer), usage: writeUsage(answer, answer.usage.thoughts + answer.usage.output) }),
    frame({ type: 'message_stop' })
  ]
}

export function frame (event: Fields & { type: string }): string {
  return `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`
}

function emptyMessage ({ id, model }: Question): object {
  return { id: `msg_${id}`, type: 'message', role: 'assistant', model, content: [], stop_reason: null, stop_sequence: null }
}

function ending ({ finish, stopSequence }: Answer): object {
  return { stop_reason: STOP_REASON[finish], stop_sequence: stopSequence ?? null }
}

/** Input tokens here are those outside the cache; thoughts are among the output's. */
function writeUsage ({ usage }: Answer, output: number): object {
  return {
    input_tokens: usage.input,
    cache_creation_input_tokens: 0,
    cache_read_input_tokens: 0,
    output_tokens: output,
    ...(output > 0 && { output_tokens_details: { thinking_tokens: usage.thoughts } })
  }
}

function readThinking (body: Fields, maxTokens: number): boolean {
  const thinking = fields(body.thinking)
  if (thinking.type === 'enabled') {
    const budget = thinking.budget_tokens
    if (typeof budget !== 'number' || budget < 1024) throw new Refusal(400, 'thinking.enabled.budget_tokens: Input should be greater than or equal to 1024')
    if (budget >= maxTokens) throw new Refusal(400, '`max_tokens` must be greater than `thinking.budget_tokens`')
  }
  const thinks = thinking.type === 'enabled' || thinking.type === 'adaptive'
  const forced = ['any', 'tool'].includes(text(fields(body.tool_choice).type))
  if (thinks && forced) throw new Refusal(400, 'Thinking may not be enabled when tool_choice forces tool use.')
  if (thinks && body.temperature !== undefined && body.temperature !== 1) throw new Refusal(400, '`temperature` may only be set to 1 when thinking is enabled.')
  if (typeof body.temperature === 'number' && body.temperature > 1) throw new Refusal(400, 'temperature: range: 0..1')
  return thinks
}

function readTurns (messages: Fields[]): Turn[] {
  if (messages.length === 0) throw new Refusal(400, 'messages: at least one message is required')
  /** Tool uses of the message before, by id: the next message must hold the result of each. */
  let open = new Map<string, string>()
  const turns = messages.flatMap(({ role, content }, index): Turn[] => {
    const at = `messages.${index}`
    if (role !== 'user' && role !== 'assistant') throw new Refusal(400, `${at}.role: Input should be 'user' or 'assistant'`)
    if (index === 0 && role !== 'user') throw new Refusal(400, 'messages: first message must use the "user" role')
    const blocks = list(content).map(fields)
    const results = blocks.filter(block => block.type === 'tool_result').map((block): Turn => {
      const id = text(block.tool_use_id)
      const tool = open.get(id)
      if (tool === undefined) throw new Refusal(400, `${at}: unexpected \`tool_use_id\` in \`tool_result\` block: ${id}. Each must answer a \`tool_use\` block of the previous message.`)
      open.delete(id)
      return { role: 'tool', tool, text: readText(block.content) }
    })
    if (open.size > 0) throw new Refusal(400, `messages.${index - 1}: \`tool_use\` ids were found without \`tool_result\` blocks immediately after: ${[...open.keys()].join(', ')}`)
    blocks.forEach((block, number) => checkSignature(block, `${at}.content.${number}`))
    open = new Map(blocks.filter(block => block.type === 'tool_use').map(block => [text(block.id), text(block.name)]))
    const said = readText(content)
    // Results come last, whatever text stands beside them: they are what the model answers to.
    const speech: Turn[] = said === '' && results.length > 0 ? [] : [{ role, text: said }]
    return [...speech, ...results]
  })
  if (open.size > 0) throw new Refusal(400, `\`tool_use\` ids were found without \`tool_result\` blocks: ${[...open.keys()].join(', ')}`)
  return turns
}

/** A string, or blocks; what is not text is named in brackets, and tool blocks are not said at all. */
function readText (content: unknown): string {
  if (typeof content === 'string') return content
  return list(content).map(fields)
    .flatMap(block => block.type === 'text' ? [text(block.text)] : block.type === 'image' || block.type === 'document' ? [`[${block.type}]`] : [])
    .join(' ')
}

function checkSignature (block: Fields, at: string): void {
  if (block.type === 'thinking' && block.signature !== sign(text(block.thinking))) {
    throw new Refusal(400, `${at}: Invalid \`signature\` in \`thinking\` block`)
  }
}
