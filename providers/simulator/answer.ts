import { createHash } from 'node:crypto'
import { example } from './example.ts'
import { Refusal } from './refusal.ts'

/**
 * What the simulated model says. It knows no wire format: the dialects' files read a request into a `Question` and
 * write the `Answer`. The same question always has the same answer.
 */
export interface Question {
  /** Stands for the whole request in the ids of its reply. */
  id: string
  model: string
  turns: Turn[]
  tools: Tool[]
  toolChoice: 'auto' | 'none' | 'required' | { name: string }
  parallelTools: boolean
  /** Whether it thinks aloud first. */
  thinks: boolean
  /** The answer is to be JSON; with a schema, of its shape. */
  json?: { schema?: unknown }
  /** Output tokens, thoughts included. */
  maxTokens?: number
  stop: string[]
  stream: boolean
  /** Whether the stream tells the usage, where that is a choice. */
  streamUsage: boolean
}

export interface Turn {
  role: 'system' | 'user' | 'assistant' | 'tool'
  text: string
  /** The tool whose result this is. */
  tool?: string
}

export interface Tool { name: string, schema: unknown }

export interface Answer {
  thoughts: string
  text: string
  calls: ToolCall[]
  finish: 'stop' | 'stop-sequence' | 'length' | 'tool-calls'
  /** Which one came up, with `stop-sequence`. */
  stopSequence?: string
  /** In tokens; `thoughts` are not in `output`. */
  usage: { input: number, thoughts: number, output: number }
}

export interface ToolCall { id: string, name: string, arguments: object }

export function answer (question: Question): Answer {
  const wanted = toolCalls(question)
  const spoken = untilStop(wanted.length > 0 ? '' : say(question), question.stop)
  const thinking = question.thinks ? think(question) : ''

  let room = question.maxTokens ?? Infinity
  const thoughts = firstTokens(thinking, room)
  room -= tokens(thoughts)
  const text = firstTokens(spoken.text, room)
  room -= tokens(text)
  const calls: ToolCall[] = []
  for (const call of wanted) {
    // Half a call is of no use to anybody: it fits or is left out.
    if (tokens(JSON.stringify(call)) > room) break
    room -= tokens(JSON.stringify(call))
    calls.push(call)
  }

  const cut = thoughts.length < thinking.length || text.length < spoken.text.length || calls.length < wanted.length
  const usage = {
    input: tokens(question.turns.map(turn => turn.text).join('') + JSON.stringify(question.tools)),
    thoughts: tokens(thoughts),
    output: tokens(text) + calls.reduce((sum, call) => sum + tokens(JSON.stringify(call)), 0)
  }
  if (cut) return { thoughts, text, calls, finish: 'length', usage }
  if (calls.length > 0) return { thoughts, text, calls, finish: 'tool-calls', usage }
  if (spoken.stopSequence === undefined) return { thoughts, text, calls, finish: 'stop', usage }
  return { thoughts, text, calls, finish: 'stop-sequence', stopSequence: spoken.stopSequence, usage }
}

/** How many tokens a text is here: four bytes each. */
export function tokens (text: string): number {
  return Math.ceil(Buffer.byteLength(text) / 4)
}

/** A short name for a request, the same for the same request. */
export function digest (value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 16)
}

function say ({ model, turns, json }: Question): string {
  const results = turns.slice(turns.findLastIndex(turn => turn.role !== 'tool') + 1)
  const asked = lastAsked(turns)
  const sentence = results.length > 0
    ? results.map(result => `The tool ${result.tool} says: ${quote(result.text, 2000)}.`).join(' ')
    : /\bwho are you\b|\bwhat are you\b|\bwhat model\b|\byour name\b|\bintroduce yourself\b/i.test(asked)
      ? `I am ${model}, a simulated model of llm-gateway's simulator.`
      : `Thank you. You said: ${quote(asked, 2000)}.`
  if (json === undefined) return sentence
  return JSON.stringify(json.schema === undefined ? { answer: sentence } : example(json.schema, 'answer'))
}

function think ({ turns }: Question): string {
  return `I was told: ${quote(lastAsked(turns), 200)}. I know what to do with that.`
}

function lastAsked (turns: Turn[]): string {
  return turns.findLast(turn => turn.role === 'user')?.text ?? ''
}

function toolCalls ({ id, turns, tools, toolChoice, parallelTools }: Question): ToolCall[] {
  const forced = toolChoice === 'required' || typeof toolChoice === 'object'
  const offered = typeof toolChoice === 'object' ? tools.filter(tool => tool.name === toolChoice.name) : tools
  if (forced && offered.length === 0) throw new Refusal(400, 'The tool that tool_choice asks for is not among the tools.', 'tool_choice')
  const last = turns.at(-1)
  if (toolChoice === 'none' || last?.role !== 'user') return []

  const said = last.text.toLowerCase()
  const named = offered.filter(tool => said.includes(tool.name.toLowerCase()))
  if (!forced && named.length === 0 && !/\btools?\b|\bweather\b/.test(said)) return []
  const [first, second] = named.length > 0 ? named : offered
  if (first === undefined) return []

  const chosen = !parallelTools ? [first] : /\bboth\b/.test(said) ? [first, second ?? first] : /\btwice\b/.test(said) ? [first, first] : [first]
  return chosen.map(({ name, schema }, index) => ({ id: `${id}_${index}`, name, arguments: Object(example(schema ?? { type: 'object' })) }))
}

function untilStop (text: string, stop: string[]): { text: string, stopSequence?: string } {
  const found = stop.filter(sequence => sequence !== '' && text.includes(sequence))
    .sort((a, b) => text.indexOf(a) - text.indexOf(b))[0]
  return found === undefined ? { text } : { text: text.slice(0, text.indexOf(found)), stopSequence: found }
}

function firstTokens (text: string, count: number): string {
  const bytes = Buffer.from(text)
  let end = count * 4
  if (bytes.length <= end) return text
  // Never inside a character: back to where one begins.
  while (((bytes[end] ?? 0) & 0xc0) === 0x80) end--
  return bytes.toString('utf8', 0, end)
}

function quote (text: string, limit: number): string {
  const characters = [...text]
  return `“${characters.length <= limit ? text : `${characters.slice(0, limit).join('')}…`}”`
}
