import { digest, type Answer, type Question, type Tool, type Turn } from './answer.ts'
import { fields, list, text, type Fields } from './fields.ts'
import { jsonPieces, pieces } from './pieces.ts'
import { Refusal } from './refusal.ts'

/** Chat Completions: https://platform.openai.com/docs/api-reference/chat */

/** Replies are dated, and must be the same each time: 1 January 2026. */
const CREATED = 1767225600

const FINISH = { stop: 'stop', 'stop-sequence': 'stop', length: 'length', 'tool-calls': 'tool_calls' }

export function readChat (body: Fields): Question {
  const model = text(body.model)
  if (model === '') throw new Refusal(400, 'You must provide a model parameter.', 'model')
  if (typeof body.n === 'number' && body.n !== 1) throw new Refusal(400, 'The simulator gives one choice: n must be 1.', 'n')
  const effort = body.reasoning_effort ?? (model === 'sim-thinker' ? 'medium' : 'none')
  const maxTokens = body.max_completion_tokens ?? body.max_tokens
  const format = fields(body.response_format)
  return {
    id: digest(body),
    model,
    turns: readMessages(list(body.messages).map(fields)),
    tools: list(body.tools).map(tool => fields(fields(tool).function)).filter(tool => text(tool.name) !== '').map(readTool),
    toolChoice: readChoice(body.tool_choice),
    parallelTools: body.parallel_tool_calls !== false,
    thinks: effort !== 'none',
    ...(format.type === 'json_object' && { json: {} }),
    ...(format.type === 'json_schema' && { json: { schema: fields(format.json_schema).schema } }),
    ...(typeof maxTokens === 'number' && { maxTokens }),
    stop: typeof body.stop === 'string' ? [body.stop] : list(body.stop).map(text),
    stream: body.stream === true,
    streamUsage: fields(body.stream_options).include_usage === true
  }
}

export function wholeChat ({ id, model }: Question, answer: Answer): object {
  const calls = answer.calls.map(call => ({
    id: `call_${call.id}`, type: 'function', function: { name: call.name, arguments: JSON.stringify(call.arguments) }
  }))
  const message = {
    role: 'assistant',
    content: calls.length > 0 && answer.text === '' ? null : answer.text,
    refusal: null,
    ...(answer.thoughts !== '' && { reasoning_content: answer.thoughts }),
    ...(calls.length > 0 && { tool_calls: calls })
  }
  return {
    id: `chatcmpl-${id}`,
    object: 'chat.completion',
    created: CREATED,
    model,
    choices: [{ index: 0, message, logprobs: null, finish_reason: FINISH[answer.finish] }],
    usage: writeUsage(answer)
  }
}

/** The frames of the stream, in order. */
export function chatFrames ({ id, model, streamUsage }: Question, answer: Answer): string[] {
  const chunk = (choices: object[], usage: object | null = null) => `data: ${JSON.stringify({
    id: `chatcmpl-${id}`, object: 'chat.completion.chunk', created: CREATED, model, choices, ...(streamUsage && { usage })
  })}\n\n`
  const delta = (delta: object, finish: string | null = null) => chunk([{ index: 0, delta, logprobs: null, finish_reason: finish }])
  return [
    delta({ role: 'assistant', content: answer.calls.length > 0 ? null : '', refusal: null }),
    ...pieces(answer.thoughts).map(piece => delta({ reasoning_content: piece })),
    ...pieces(answer.text).map(piece => delta({ content: piece })),
    ...answer.calls.flatMap((call, index) => [
      delta({ tool_calls: [{ index, id: `call_${call.id}`, type: 'function', function: { name: call.name, arguments: '' } }] }),
      ...jsonPieces(call.arguments).map(piece => delta({ tool_calls: [{ index, function: { arguments: piece } }] }))
    ]),
    delta({}, FINISH[answer.finish]),
    ...(streamUsage ? [chunk([], writeUsage(answer))] : []),
    'data: [DONE]\n\n'
  ]
}

/** Cached tokens are part of the prompt's, thoughts of the completion's. */
function writeUsage ({ usage: { input, thoughts, output } }: Answer): object {
  return {
    prompt_tokens: input,
    completion_tokens: thoughts + output,
    total_tokens: input + thoughts + output,
    prompt_tokens_details: { cached_tokens: 0, audio_tokens: 0 },
    completion_tokens_details: { reasoning_tokens: thoughts, audio_tokens: 0, accepted_prediction_tokens: 0, rejected_prediction_tokens: 0 }
  }
}

function readMessages (messages: Fields[]): Turn[] {
  if (messages.length === 0) throw new Refusal(400, 'messages must be an array of at least one message.', 'messages')
  /** Calls that wait for their result, by id: each must be answered before anything else is said. */
  const open = new Map<string, string>()
  const turns = messages.map((message, index): Turn => {
    const at = `messages[${index}]`
    if (message.role === 'tool') {
      const tool = open.get(text(message.tool_call_id))
      if (tool === undefined) throw new Refusal(400, `${at} has role tool, but answers no preceding message with tool_calls.`, `${at}.role`)
      open.delete(text(message.tool_call_id))
      return { role: 'tool', tool, text: readContent(message.content) }
    }
    if (open.size > 0) throw unanswered(open)
    for (const call of list(message.tool_calls).map(fields)) open.set(text(call.id), text(fields(call.function).name))
    return { role: readRole(message.role, at), text: readContent(message.content) }
  })
  if (open.size > 0) throw unanswered(open)
  return turns
}

function unanswered (open: Map<string, string>): Refusal {
  return new Refusal(400, `An assistant message with tool_calls must be followed by tool messages for each tool_call_id. Missing: ${[...open.keys()].join(', ')}`, 'messages')
}

function readRole (role: unknown, at: string): Turn['role'] {
  if (role === 'user' || role === 'assistant' || role === 'system') return role
  if (role === 'developer') return 'system'
  throw new Refusal(400, `${at} has an unknown role.`, `${at}.role`)
}

/** A string, or parts; what is not text is named in brackets. */
function readContent (content: unknown): string {
  if (typeof content === 'string') return content
  const names = new Map([['image_url', '[image]'], ['input_audio', '[audio]'], ['file', '[document]']])
  return list(content).map(fields).map(part => names.get(text(part.type)) ?? text(part.text)).join(' ')
}

function readTool (tool: Fields): Tool {
  return { name: text(tool.name), schema: tool.parameters }
}

function readChoice (choice: unknown): Question['toolChoice'] {
  if (choice === 'none' || choice === 'required') return choice
  const name = text(fields(fields(choice).function).name)
  return name === '' ? 'auto' : { name }
}
