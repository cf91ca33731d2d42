import type { Provider } from './provider.ts'

const deepseek: Provider = {
  name: 'deepseek',
  baseUrl: 'https://api.deepseek.com',
  auth: { header: 'authorization', scheme: 'Bearer' },
  dialects: { 'openai-chat': { path: '/chat/completions' } },
  models: { path: '/models', dialect: 'openai-chat' }
}

export default deepseek
