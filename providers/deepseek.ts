import type { Provider } from './provider.ts'

/** Its dialects are as of November 2026, from api-docs.deepseek.com: the guides to each API. */
const deepseek: Provider = {
  name: 'deepseek',
  baseUrl: 'https://api.deepseek.com',
  auth: { header: 'authorization', scheme: 'Bearer' },
  dialects: {
    'openai-chat': { path: '/chat/completions' },
    'anthropic-messages': { path: '/anthropic/v1/messages' },
    'openai-responses': { path: '/responses' },
    // Completion with a suffix is in beta there, under a path of its own.
    'openai-completions': { path: '/beta/completions' }
  },
  models: { path: '/models', dialect: 'openai-chat' },
  prices: 'deepseek'
}

export default deepseek
