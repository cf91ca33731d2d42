/** The vendors' own SDKs. */
export async function vendors (load) {
  const { default: OpenAI } = await load('openai')
  const { default: Anthropic } = await load('@anthropic-ai/sdk')
  const model = 'sim-small'
  const schema = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'], additionalProperties: false }
  const openai = (url, apiKey) => new OpenAI({ baseURL: `${url}/v1`, apiKey, maxRetries: 0 })

  const chat = (url, key) => {
    const { completions } = openai(url, key).chat
    const user = (content) => [{ role: 'user', content }]
    const tools = [{ type: 'function', function: { name: 'get_weather', parameters: schema } }]
    return {
      text: async (said) => (await completions.create({ model, messages: user(said) })).choices[0].message.content,
      stream: async (said) => await completions.stream({ model, messages: user(said) }).finalContent(),
      async tools (said) {
        const first = (await completions.create({ model, messages: user(said), tools })).choices[0].message
        const results = first.tool_calls.map(({ id, function: called }) => ({ role: 'tool', tool_call_id: id, content: weather(called.arguments) }))
        return (await completions.create({ model, messages: [...user(said), first, ...results], tools })).choices[0].message.content
      }
    }
  }
  const responses = (url, key) => {
    const client = openai(url, key).responses
    const tools = [{ type: 'function', name: 'get_weather', parameters: schema, strict: true }]
    return {
      text: async (input) => (await client.create({ model, input })).output_text,
      stream: async (input) => (await client.stream({ model, input }).finalResponse()).output_text,
      async tools (said) {
        const first = await client.create({ model, input: said, tools, reasoning: { effort: 'low', summary: 'auto' }, include: ['reasoning.encrypted_content'], store: false })
        const results = first.output.filter(({ type }) => type === 'function_call').map((call) => ({ type: 'function_call_output', call_id: call.call_id, output: weather(call.arguments) }))
        return (await client.create({ model, input: [{ role: 'user', content: said }, ...first.output, ...results], tools, store: false })).output_text
      }
    }
  }
  const messages = (auth) => (url, key) => {
    const client = new Anthropic({ baseURL: url, apiKey: null, authToken: null, [auth]: key, maxRetries: 0 }).messages
    const ask = { model, max_tokens: 4000 }
    const user = (content) => [{ role: 'user', content }]
    const textOf = ({ content }) => content.filter(({ type }) => type === 'text').map(({ text }) => text).join('')
    const tools = [{ name: 'get_weather', input_schema: schema }]
    return {
      text: async (said) => textOf(await client.create({ ...ask, messages: user(said) })),
      stream: async (said) => textOf(await client.stream({ ...ask, messages: user(said) }).finalMessage()),
      async tools (said) {
        const thinking = { type: 'enabled', budget_tokens: 2000 }
        const first = await client.create({ ...ask, messages: user(said), tools, thinking })
        const results = first.content.filter(({ type }) => type === 'tool_use').map(({ id, input }) => ({ type: 'tool_result', tool_use_id: id, content: weather(JSON.stringify(input)) }))
        return textOf(await client.create({ ...ask, messages: [...user(said), { role: 'assistant', content: first.content }, ...user(results)], tools, thinking }))
      }
    }
  }
  return [
    { name: 'openai, chat.completions', open: chat },
    { name: 'openai, responses', open: responses },
    { name: '@anthropic-ai/sdk, apiKey', open: messages('apiKey') },
    { name: '@anthropic-ai/sdk, authToken', open: messages('authToken') }
  ]
}

/** The tool. */
export function weather (json) {
  return `sun in ${JSON.parse(json).city}`
}
