import type { Provider } from './provider.ts'

/**
 * What is known of the models is as of November 2026: the largest output from the vendor's pages of models; sampling from
 * the guide to reasoning (reasoning models answer `temperature` and `top_p` with 400, but for GPT-5.1 to 5.4 while they do
 * not reason). Models before those answer `reasoning_effort` with 400.
 */
const openai: Provider = {
  name: 'openai',
  baseUrl: 'https://api.openai.com/v1',
  auth: { header: 'authorization', scheme: 'Bearer' },
  dialects: {
    'openai-chat': { path: '/chat/completions', capName: 'max_completion_tokens', reasoningText: false, customTools: true },
    'openai-responses': { path: '/responses', counter: '/responses/input_tokens', reasoningText: false, customTools: true },
    'openai-embeddings': { path: '/embeddings' },
    'openai-completions': { path: '/completions' },
    'openai-moderations': { path: '/moderations' },
    'openai-images': { path: '/images/generations' },
    'openai-image-edits': { path: '/images/edits' },
    'openai-image-variations': { path: '/images/variations' },
    'openai-speech': { path: '/audio/speech' },
    'openai-transcriptions': { path: '/audio/transcriptions' },
    'openai-translations': { path: '/audio/translations' },
    'openai-compact': { path: '/responses/compact' },
    'openai-kept-responses': { path: '/responses' },
    'openai-conversations': { path: '/conversations' },
    'openai-files': { path: '/files' },
    'openai-batches': { path: '/batches' }
  },
  models: { path: '/models', dialect: 'openai-chat' },
  prices: 'openai',
  targets: [
    { match: 'gpt-3.5-', maxOutputTokens: 4096, thinking: 'none', tokenizer: 'cl100k_base' },
    { match: 'gpt-4-turbo', maxOutputTokens: 4096, thinking: 'none', tokenizer: 'cl100k_base' },
    { match: 'gpt-4o-2024-05-13', maxOutputTokens: 4096, thinking: 'none', tokenizer: 'o200k_base' },
    { match: 'gpt-4o', maxOutputTokens: 16384, thinking: 'none', tokenizer: 'o200k_base' },
    { match: 'gpt-4.1', maxOutputTokens: 32768, thinking: 'none', tokenizer: 'o200k_base' },
    { match: 'gpt-4', thinking: 'none', tokenizer: 'cl100k_base' },
    { match: 'gpt-audio', thinking: 'none', tokenizer: 'o200k_base' },
    { match: 'gpt-5-chat', maxOutputTokens: 16384, thinking: 'none', tokenizer: 'o200k_base' },
    // What reasons is spoken to in Responses: Chat Completions forgets the reasoning between turns, and the newest models
    // refuse tools there while they reason.
    { match: 'gpt-5.1', maxOutputTokens: 128000, dialect: 'openai-responses', tokenizer: 'o200k_base' },
    { match: 'gpt-5.2', maxOutputTokens: 128000, dialect: 'openai-responses', tokenizer: 'o200k_base' },
    { match: 'gpt-5.3', maxOutputTokens: 128000, dialect: 'openai-responses', tokenizer: 'o200k_base' },
    { match: 'gpt-5.4', maxOutputTokens: 128000, dialect: 'openai-responses', tokenizer: 'o200k_base' },
    { match: 'gpt-5-pro', sampling: false, dialect: 'openai-responses', tokenizer: 'o200k_base' },
    { match: 'gpt-5', maxOutputTokens: 128000, sampling: false, dialect: 'openai-responses', tokenizer: 'o200k_base' },
    // A newer model is like the newest known, except that its output limit is not guessed.
    { match: 'gpt-', sampling: false, dialect: 'openai-responses', tokenizer: 'o200k_base' },
    { match: 'o1', maxOutputTokens: 100000, sampling: false, dialect: 'openai-responses', tokenizer: 'o200k_base' },
    { match: 'o3', maxOutputTokens: 100000, sampling: false, dialect: 'openai-responses', tokenizer: 'o200k_base' },
    { match: 'o4', maxOutputTokens: 100000, sampling: false, dialect: 'openai-responses', tokenizer: 'o200k_base' },
    { match: 'chatgpt-', tokenizer: 'o200k_base' },
    { match: 'codex-', maxOutputTokens: 100000, sampling: false, dialect: 'openai-responses', tokenizer: 'o200k_base' }
  ]
}

export default openai
