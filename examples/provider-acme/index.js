/**
 * A provider plugin is one object: where the provider is, how it takes its key, which dialects it speaks.
 *
 * @type {import('llm-gateway/provider').Provider}
 */
export default {
  // As `provider` in keys.json; the setting ACME_BASE_URL takes its name from it too.
  name: 'acme',
  baseUrl: 'https://api.acme.example/v1',
  // Sent as `authorization: Bearer <api_key>`.
  auth: { header: 'authorization', scheme: 'Bearer' },
  // Paths are below the base URL. What a client speaks in another dialect is translated.
  dialects: {
    'openai-chat': { path: '/chat/completions' },
    'openai-embeddings': { path: '/embeddings' }
  },
  models: { path: '/models', dialect: 'openai-chat' }
}
