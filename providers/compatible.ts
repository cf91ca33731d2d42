import type { Provider } from './provider.ts'

/** What the README's table of settings says of it. */
export const compatibleHelp = '`compatible:NAME` makes any server with an OpenAI-compatible API a provider, at `NAME_BASE_URL`.'

/**
 * Any server that speaks the OpenAI API, such as Groq, Ollama or vLLM, without a file of its own:
 * `PROVIDERS=compatible:groq` and `GROQ_BASE_URL=https://api.groq.com/openai/v1`.
 */
export function compatible (name: string): Provider {
  return {
    name,
    auth: { header: 'authorization', scheme: 'Bearer' },
    dialects: {
      'openai-chat': { path: '/chat/completions' },
      'openai-embeddings': { path: '/embeddings' },
      'openai-completions': { path: '/completions' },
      'openai-moderations': { path: '/moderations' },
      'openai-images': { path: '/images/generations' },
      'openai-image-edits': { path: '/images/edits' },
      'openai-image-variations': { path: '/images/variations' },
      'openai-speech': { path: '/audio/speech' },
      'openai-transcriptions': { path: '/audio/transcriptions' },
      'openai-translations': { path: '/audio/translations' },
      rerank: { path: '/rerank' }
    },
    models: { path: '/models', dialect: 'openai-chat' }
  }
}
