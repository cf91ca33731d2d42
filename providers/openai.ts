import type { Provider } from './provider.ts'

const openai: Provider = {
  name: 'openai',
  baseUrl: 'https://api.openai.com/v1',
  auth: { header: 'authorization', scheme: 'Bearer' },
  dialects: {
    'openai-chat': { path: '/chat/completions', capName: 'max_completion_tokens', reasoningText: false, customTools: true },
    'openai-embeddings': { path: '/embeddings' }
  },
  models: { path: '/models', dialect: 'openai-chat' }
}

export default openai
