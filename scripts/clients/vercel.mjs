/** Vercel's AI SDK with each of its providers that speaks one of the dialects. */
export async function vercel (load) {
  // It warns of each model that it does not know.
  globalThis.AI_SDK_LOG_WARNINGS = false
  const { generateText, streamText, tool, stepCountIs } = await load('ai')
  const { createOpenAI } = await load('@ai-sdk/openai')
  const { createAnthropic } = await load('@ai-sdk/anthropic')
  const { createDeepSeek } = await load('@ai-sdk/deepseek')
  const { createOpenAICompatible } = await load('@ai-sdk/openai-compatible')
  const { z } = await load('zod')

  const tools = {
    get_weather: tool({ description: 'The weather', inputSchema: z.object({ city: z.string() }), execute: async ({ city }) => `sun in ${city}` })
  }
  const client = (make) => (url, apiKey) => {
    const ask = { model: make(`${url}/v1`, apiKey), maxRetries: 0 }
    return {
      text: async (prompt) => (await generateText({ ...ask, prompt })).text,
      async stream (prompt) {
        let text = ''
        for await (const piece of streamText({ ...ask, prompt }).textStream) text += piece
        return text
      },
      tools: async (prompt) => (await generateText({ ...ask, prompt, tools, stopWhen: stepCountIs(3) })).text
    }
  }
  const model = 'sim-small'
  return [
    { name: '@ai-sdk/openai, chat', open: client((baseURL, apiKey) => createOpenAI({ baseURL, apiKey }).chat(model)) },
    { name: '@ai-sdk/openai, responses', open: client((baseURL, apiKey) => createOpenAI({ baseURL, apiKey }).responses(model)) },
    { name: '@ai-sdk/anthropic', open: client((baseURL, apiKey) => createAnthropic({ baseURL, apiKey })(model)) },
    { name: '@ai-sdk/deepseek', open: client((baseURL, apiKey) => createDeepSeek({ baseURL, apiKey })(model)) },
    { name: '@ai-sdk/openai-compatible', open: client((baseURL, apiKey) => createOpenAICompatible({ name: 'gateway', baseURL, apiKey })(model)) }
  ]
}
