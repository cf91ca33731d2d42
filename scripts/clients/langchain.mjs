/** LangChain. */
export async function langchain (load) {
  const { ChatOpenAI } = await load('@langchain/openai')
  const { ChatAnthropic } = await load('@langchain/anthropic')
  const { HumanMessage, ToolMessage } = await load('@langchain/core/messages')
  const { tool } = await load('@langchain/core/tools')
  const { z } = await load('zod')

  const getWeather = tool(({ city }) => `sun in ${city}`, { name: 'get_weather', description: 'The weather', schema: z.object({ city: z.string() }) })
  const client = (make) => (url, key) => {
    const model = make(url, key)
    return {
      text: async (said) => (await model.invoke(said)).text,
      async stream (said) {
        let text = ''
        for await (const chunk of await model.stream(said)) text += chunk.text
        return text
      },
      async tools (said) {
        const bound = model.bindTools([getWeather])
        const asked = [new HumanMessage(said)]
        const first = await bound.invoke(asked)
        const results = await Promise.all(first.tool_calls.map(async (call) => new ToolMessage({ tool_call_id: call.id, content: await getWeather.invoke(call.args) })))
        return (await bound.invoke([...asked, first, ...results])).text
      }
    }
  }
  const openai = (more) => client((url, apiKey) => new ChatOpenAI({ model: 'sim-small', apiKey, maxRetries: 0, configuration: { baseURL: `${url}/v1` }, ...more }))
  return [
    { name: '@langchain/openai, chat', open: openai({ useResponsesApi: false }) },
    { name: '@langchain/openai, responses', open: openai({ useResponsesApi: true }) },
    { name: '@langchain/anthropic', open: client((anthropicApiUrl, apiKey) => new ChatAnthropic({ model: 'sim-small', apiKey, anthropicApiUrl, maxRetries: 0 })) }
  ]
}
