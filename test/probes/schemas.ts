const CHAT = 'openai/resources/chat/completions/completions.d.ts'
const RESPONSES = 'openai/resources/responses/responses.d.ts'
const SHARED = 'openai/resources/shared.d.ts'
const MESSAGES = '@anthropic-ai/sdk/resources/messages/messages.d.ts'
const BETA = '@anthropic-ai/sdk/resources/beta/messages/messages.d.ts'

/** A type of a vendor's SDK, whose fields or kinds a probe must say, and where they stand in a body. */
export interface Schema { file: string, type: string, at: string, kinds?: true }

const fields = (file: string, at: string, ...types: string[]): Schema[] => types.map((type) => ({ file, type, at }))

/** What the probes of each dialect must speak of: a newer SDK that names more fails the test. */
export const schemas: Readonly<Record<string, readonly Schema[]>> = {
  'openai-chat request': [
    ...fields(CHAT, '', 'ChatCompletionCreateParamsBase'),
    ...fields(CHAT, 'messages[].', 'ChatCompletionAssistantMessageParam', 'ChatCompletionDeveloperMessageParam', 'ChatCompletionFunctionMessageParam', 'ChatCompletionSystemMessageParam', 'ChatCompletionToolMessageParam', 'ChatCompletionUserMessageParam'),
    ...fields(CHAT, 'messages[].content[].', 'ChatCompletionContentPartImage', 'ChatCompletionContentPartInputAudio', 'ChatCompletionContentPartRefusal', 'ChatCompletionContentPartText', 'ChatCompletionContentPart.File'),
    ...fields(CHAT, 'tools[].', 'ChatCompletionFunctionTool', 'ChatCompletionCustomTool'),
    ...fields(CHAT, 'tools[].custom.', 'ChatCompletionCustomTool.Custom'),
    ...fields(SHARED, 'tools[].function.', 'FunctionDefinition'),
    ...fields(SHARED, 'response_format.json_schema.', 'ResponseFormatJSONSchema.JSONSchema'),
    { file: CHAT, type: 'ChatCompletionContentPart', at: 'messages[].content[]', kinds: true },
    { file: CHAT, type: 'ChatCompletionMessageToolCall', at: 'messages[].tool_calls[]', kinds: true },
    { file: CHAT, type: 'ChatCompletionTool', at: 'tools[]', kinds: true }
  ],
  'openai-chat reply': [
    ...fields(CHAT, '', 'ChatCompletion'),
    ...fields(CHAT, 'choices[].', 'ChatCompletion.Choice'),
    ...fields(CHAT, 'choices[].message.', 'ChatCompletionMessage'),
    ...fields('openai/resources/completions.d.ts', 'usage.', 'CompletionUsage'),
    ...fields('openai/resources/completions.d.ts', 'usage.completion_tokens_details.', 'CompletionUsage.CompletionTokensDetails'),
    ...fields('openai/resources/completions.d.ts', 'usage.prompt_tokens_details.', 'CompletionUsage.PromptTokensDetails')
  ],
  'openai-responses request': [
    ...fields(RESPONSES, '', 'ResponseCreateParamsBase'),
    ...fields(RESPONSES, 'input[].', 'EasyInputMessage', 'ResponseReasoningItem', 'ResponseFunctionToolCall', 'ResponseCustomToolCall', 'ResponseInputItem.FunctionCallOutput', 'ResponseInputItem.AdditionalTools'),
    ...fields(RESPONSES, 'input[].content[].', 'ResponseInputText', 'ResponseInputImage', 'ResponseInputFile', 'ResponseOutputText', 'ResponseOutputRefusal'),
    ...fields(RESPONSES, 'tools[].', 'FunctionTool', 'CustomTool', 'NamespaceTool'),
    ...fields(RESPONSES, 'text.', 'ResponseTextConfig'),
    ...fields(RESPONSES, 'text.format.', 'ResponseFormatTextJSONSchemaConfig'),
    ...fields(SHARED, 'reasoning.', 'Reasoning'),
    { file: RESPONSES, type: 'ResponseInputItem', at: 'input[]', kinds: true },
    { file: RESPONSES, type: 'ResponseInputContent', at: 'input[].content[]', kinds: true },
    { file: RESPONSES, type: 'Tool', at: 'tools[]', kinds: true }
  ],
  'openai-responses reply': [
    ...fields(RESPONSES, '', 'Response'),
    ...fields(RESPONSES, 'output[].content[].', 'ResponseOutputText', 'ResponseOutputRefusal'),
    ...fields(RESPONSES, 'usage.', 'ResponseUsage'),
    ...fields(RESPONSES, 'usage.input_tokens_details.', 'ResponseUsage.InputTokensDetails'),
    ...fields(RESPONSES, 'usage.output_tokens_details.', 'ResponseUsage.OutputTokensDetails'),
    { file: RESPONSES, type: 'ResponseOutputItem', at: 'output[]', kinds: true }
  ],
  'anthropic-messages request': [
    ...fields(MESSAGES, '', 'MessageCreateParamsBase'),
    ...fields(BETA, '', 'MessageCreateParamsBase'),
    ...fields(MESSAGES, 'messages[].', 'UserMessageParam', 'AssistantMessageParam', 'SystemMessageParam'),
    ...fields(MESSAGES, 'messages[].content[].', 'TextBlockParam', 'ImageBlockParam', 'DocumentBlockParam', 'SearchResultBlockParam', 'ThinkingBlockParam', 'RedactedThinkingBlockParam', 'ToolUseBlockParam', 'ToolResultBlockParam'),
    ...fields(MESSAGES, 'tools[].', 'Tool'),
    ...fields(MESSAGES, 'metadata.', 'Metadata'),
    ...fields(MESSAGES, 'output_config.', 'OutputConfig'),
    ...fields(MESSAGES, 'thinking.', 'ThinkingConfigEnabled', 'ThinkingConfigAdaptive'),
    { file: MESSAGES, type: 'ContentBlockParam', at: 'messages[].content[]', kinds: true },
    { file: MESSAGES, type: 'ThinkingConfigParam', at: 'thinking', kinds: true },
    { file: MESSAGES, type: 'ToolChoice', at: 'tool_choice', kinds: true }
  ],
  'anthropic-messages reply': [
    ...fields(MESSAGES, '', 'Message'),
    ...fields(MESSAGES, 'usage.', 'Usage'),
    { file: MESSAGES, type: 'ContentBlock', at: 'content[]', kinds: true }
  ]
}
