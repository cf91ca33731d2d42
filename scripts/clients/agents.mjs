/** OpenAI's Agents SDK. */
export async function agents (load) {
  const { Agent, OpenAIProvider, Runner, setTracingDisabled, tool } = await load('@openai/agents')
  const { z } = await load('zod')
  setTracingDisabled(true)

  const getWeather = tool({ name: 'get_weather', description: 'The weather', parameters: z.object({ city: z.string() }), execute: async ({ city }) => `sun in ${city}` })
  const client = (useResponses) => (url, apiKey) => {
    const runner = new Runner({ modelProvider: new OpenAIProvider({ baseURL: `${url}/v1`, apiKey, useResponses }), tracingDisabled: true })
    const agent = new Agent({ name: 'agent', model: 'sim-small', tools: [] })
    return {
      text: async (said) => (await runner.run(agent, said)).finalOutput,
      async stream (said) {
        const result = await runner.run(agent, said, { stream: true })
        let text = ''
        for await (const piece of result.toTextStream()) text += piece
        await result.completed
        return text
      },
      tools: async (said) => (await runner.run(agent.clone({ tools: [getWeather] }), said)).finalOutput
    }
  }
  return [
    { name: '@openai/agents, chat', open: client(false) },
    { name: '@openai/agents, responses', open: client(true) }
  ]
}
