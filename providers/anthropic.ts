import type { Provider } from './provider.ts'

/**
 * What is known of the models is as of November 2026. From 4.5 on it is from the vendor's pages: platform.claude.com/docs
 * /en/models (output limits, kind of thinking) and the migration guides there (which models answer `temperature`, `top_p`
 * and `top_k`, or a budget for thinking, with 400). The older ones are no longer listed there; they keep the limits of
 * their time, since other servers of the same API still have them.
 */
const anthropic: Provider = {
  name: 'anthropic',
  baseUrl: 'https://api.anthropic.com',
  auth: { header: 'x-api-key' },
  headers: { 'anthropic-version': '2023-06-01' },
  dialects: { 'anthropic-messages': { path: '/v1/messages', counter: '/v1/messages/count_tokens' } },
  models: { path: '/v1/models', dialect: 'anthropic-messages' },
  prices: 'anthropic',
  targets: [
    { match: 'claude-3-5-', maxOutputTokens: 8192, thinking: 'none' },
    { match: 'claude-3-7-', maxOutputTokens: 64000, thinking: 'budget' },
    { match: 'claude-3-', maxOutputTokens: 4096, thinking: 'none' },
    { match: 'claude-haiku-4-', maxOutputTokens: 64000, thinking: 'budget' },
    { match: 'claude-sonnet-4-6', maxOutputTokens: 128000, thinking: 'adaptive' },
    { match: 'claude-sonnet-4-', maxOutputTokens: 64000, thinking: 'budget' },
    { match: 'claude-opus-4-5', maxOutputTokens: 64000, thinking: 'budget' },
    { match: 'claude-opus-4-6', maxOutputTokens: 128000, thinking: 'adaptive' },
    { match: 'claude-opus-4-7', maxOutputTokens: 128000, thinking: 'adaptive', sampling: false },
    { match: 'claude-opus-4-8', maxOutputTokens: 128000, thinking: 'adaptive', sampling: false },
    // `claude-opus-4-0`, `claude-opus-4-1` and their dated names.
    { match: 'claude-opus-4-', maxOutputTokens: 32000, thinking: 'budget' },
    { match: 'claude-fable-5', maxOutputTokens: 128000, thinking: 'adaptive', sampling: false },
    { match: 'claude-haiku-5', maxOutputTokens: 128000, thinking: 'adaptive', sampling: false },
    { match: 'claude-mythos-5', maxOutputTokens: 128000, thinking: 'adaptive', sampling: false },
    { match: 'claude-opus-5', maxOutputTokens: 128000, thinking: 'adaptive', sampling: false },
    { match: 'claude-sonnet-5', maxOutputTokens: 128000, thinking: 'adaptive', sampling: false },
    // A newer model is like the newest known, except that its output limit is not guessed: too high a number is refused.
    { match: 'claude-', thinking: 'adaptive', sampling: false }
  ]
}

export default anthropic
