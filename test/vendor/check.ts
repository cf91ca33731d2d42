import { fileURLToPath } from 'node:url'
import ts from 'typescript'

/** A request body that is to go to a provider which speaks the dialect. */
export interface Sample { dialect: string, name: string, body: Record<string, unknown> }

/**
 * The vendors' types of a request, by dialect; and what is sent beyond them on purpose. To servers that speak Chat
 * Completions: reasoning between turns, as OpenRouter and DeepSeek publish it. In Messages: sampling, which the vendor's
 * older models and other servers take, and its newest SDK no longer names. In Responses: answers and reasoning without
 * the ids that the vendor gave them, as its own agent sends them, since it refuses a proof beside an id of another.
 */
const PRELUDE = `
import type { ChatCompletionAssistantMessageParam, ChatCompletionCreateParams, ChatCompletionMessageParam } from 'openai/resources/chat/completions/completions'
import type { ResponseCreateParams, ResponseInputItem, ResponseOutputMessage, ResponseReasoningItem } from 'openai/resources/responses/responses'
import type { MessageCreateParams } from '@anthropic-ai/sdk/resources/messages/messages'

interface Reasoned extends ChatCompletionAssistantMessageParam { reasoning_content?: string, reasoning_details?: object[] }
type Chat = Omit<ChatCompletionCreateParams, 'messages'> & { messages: Array<ChatCompletionMessageParam | Reasoned> }
type Unnamed = Omit<ResponseReasoningItem, 'id'> | Omit<ResponseOutputMessage, 'id' | 'status'>
type Responses = Omit<ResponseCreateParams, 'input'> & { input: Array<ResponseInputItem | Unnamed> }
type Messages = MessageCreateParams & { temperature?: number, top_p?: number }
`
const TYPES: Readonly<Record<string, string>> = {
  'openai-chat': 'Chat',
  'openai-responses': 'Responses',
  'anthropic-messages': 'Messages'
}

const FILE = fileURLToPath(new URL('samples.ts', import.meta.url))
const options: ts.CompilerOptions = {
  strict: true, noEmit: true, skipLibCheck: true, types: [], module: ts.ModuleKind.NodeNext, target: ts.ScriptTarget.ES2023, lib: ['lib.es2023.d.ts']
}

/**
 * Holds bodies against the vendors' types: each is written as a literal of its type, all in one program.
 *
 * @returns a line for each that does not fit
 */
export function typeFaults (samples: readonly Sample[]): string[] {
  const lines = samples.map(({ dialect, body }) => `void ({${JSON.stringify(body).slice(1)} satisfies ${TYPES[dialect]})`)
  const text = `${PRELUDE}\n${lines.join('\n')}\n`
  const host = ts.createCompilerHost(options)
  const { getSourceFile, fileExists } = host
  host.getSourceFile = (name, ...rest) => name === FILE ? ts.createSourceFile(name, text, ts.ScriptTarget.ES2023) : getSourceFile.call(host, name, ...rest)
  host.fileExists = (name) => name === FILE || fileExists.call(host, name)
  const program = ts.createProgram([FILE], options, host)
  const source = program.getSourceFile(FILE)
  const first = PRELUDE.split('\n').length
  return [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)].map(({ messageText, start = 0, length = 0 }) => {
    const line = source?.getLineAndCharacterOfPosition(start).line ?? 0
    const { dialect = '', name = 'the vendors\' types' } = samples[line - first] ?? {}
    return `${name} to ${dialect}: ${text.slice(start, start + length).slice(0, 120)}: ${ts.flattenDiagnosticMessageText(messageText, ' ').replaceAll(/\s+/g, ' ').slice(0, 600)}`
  })
}
