import type { Provider } from '../provider.ts'

/**
 * A provider that needs no account: a deterministic HTTP server on loopback, started by `npm run demo`, or alone by
 * `node providers/simulator/server.ts`. To the gateway it is a provider like any other.
 */
export const simulator: Provider = {
  name: 'simulator',
  baseUrl: 'http://127.0.0.1:4010',
  auth: { header: 'authorization', scheme: 'Bearer' },
  headers: { 'anthropic-version': '2023-06-01' },
  dialects: {
    'openai-chat': { path: '/v1/chat/completions' },
    'openai-responses': { path: '/v1/responses', counter: '/v1/responses/input_tokens', customTools: true },
    'openai-embeddings': { path: '/v1/embeddings' },
    'anthropic-messages': { path: '/v1/messages', counter: '/v1/messages/count_tokens' }
  },
  models: { path: '/v1/models', dialect: 'openai-chat' },
  targets: [{ match: '', maxOutputTokens: 8192, thinking: 'budget', sampling: true }]
}

export default simulator
