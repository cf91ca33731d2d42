import t from 'tap'
import type { VirtualKey } from '../../plugins/keys/index.ts'
import type { Target } from '../../plugins/providers.ts'
import { anthropicMessages } from '../../providers/dialects/anthropic-messages/index.ts'
import { openaiChat } from '../../providers/dialects/openai-chat/index.ts'
import type { Provider } from '../../providers/provider.ts'
import { CHAT_KEY, startGateway } from '../helper.ts'

const acme: Provider = {
  name: 'acme',
  baseUrl: 'http://127.0.0.1:9',
  auth: { header: 'authorization', scheme: 'Bearer' },
  dialects: {
    'openai-chat': { path: '/chat', capName: 'max_completion_tokens', reasoningText: false, customTools: true },
    'anthropic-messages': { path: '/messages' }
  },
  targets: [{ match: 'big-', maxOutputTokens: 5, dialect: 'anthropic-messages' }]
}

/** A client's dialect that the provider does not speak. */
const other = { ...openaiChat, id: 'other' }

t.test('which dialect a model is spoken to in, and what is known of both', async (t) => {
  const { app } = await startGateway(t, 'http://127.0.0.1:9', {
    keys: {
      [CHAT_KEY]: { provider: 'acme' },
      vk_chat_only: { provider: 'acme', api_key: 'k', upstream_dialects: ['openai-chat'] }
    },
    providers: [acme]
  })
  const key = (name: string): VirtualKey => app.keys.find(name) as VirtualKey
  const to = (name: string, client: typeof other, model: string): Pick<Target, 'facts'> & { dialect: string, path: string, translated: boolean } => {
    const { dialect, url, facts, translation } = app.providers.resolve(key(name), client, { model, stream: false, choices: 1, wantsUsage: false })
    return { dialect: dialect.id, path: url.pathname, facts, translated: translation !== undefined }
  }
  const chat = { capName: 'max_completion_tokens', reasoningText: false, customTools: true }
  t.same(to(CHAT_KEY, other, 'small-1'), { dialect: 'openai-chat', path: '/chat', facts: chat, translated: true }, 'the dearest')
  t.same(to(CHAT_KEY, other, 'big-1'), { dialect: 'anthropic-messages', path: '/messages', facts: { maxOutputTokens: 5 }, translated: true }, 'the model\'s own')
  t.same(to(CHAT_KEY, openaiChat, 'big-1'), { dialect: 'openai-chat', path: '/chat', facts: { ...chat, maxOutputTokens: 5 }, translated: false }, 'the client\'s comes first')
  t.same(to(CHAT_KEY, anthropicMessages, 'small-1'), { dialect: 'anthropic-messages', path: '/messages', facts: {}, translated: false })
  t.same(to('vk_chat_only', other, 'big-1'), { dialect: 'openai-chat', path: '/chat', facts: { ...chat, maxOutputTokens: 5 }, translated: true }, 'where the key allows no other')
})

t.test('a model\'s dialect is one that the provider speaks', async (t) => {
  const providers = [{ ...acme, targets: [{ match: 'big-', dialect: 'smoke-signals' }] }]
  await t.rejects(startGateway(t, 'http://127.0.0.1:9', { keys: { [CHAT_KEY]: { provider: 'acme' } }, providers }), { message: /"smoke-signals", which is not a dialect/ })
})
