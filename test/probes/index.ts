import { messagesReply } from './anthropic-messages/reply.ts'
import { messagesRequest } from './anthropic-messages/request.ts'
import { chatReply } from './openai-chat/reply.ts'
import { chatRequest } from './openai-chat/request.ts'
import { responsesReply } from './openai-responses/reply.ts'
import { responsesRequest } from './openai-responses/request.ts'
import type { Probes } from './probe.ts'

/** What requests and replies of every dialect that translates can say. */
export const requests: readonly Probes[] = [chatRequest, responsesRequest, messagesRequest]
export const replies: readonly Probes[] = [chatReply, responsesReply, messagesReply]
