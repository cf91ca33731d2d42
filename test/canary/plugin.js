// A provider plugin that goes wrong when told to: what it says then has secrets in it.
import { subscribe } from 'node:diagnostics_channel'

const { CANARY_MANNER: manner = '', CANARY_API_KEY: key = '' } = process.env

if (manner === 'fails') throw new Error(`cannot work with ${key}`)

if (manner === 'leaks') {
  subscribe('undici:client:sendHeaders', ({ headers }) => console.log(headers))
}

process.on('SIGWINCH', () => {
  if (manner === 'aborts') process.abort()
  const error = new Error(`unexpected token ${process.env.CANARY_TOKEN} in ${JSON.stringify({ key })}`, { cause: new Error(`Bearer ${key}`) })
  error.request = { headers: { authorization: `Bearer ${key}` } }
  throw error
})

export default {
  name: 'canary',
  baseUrl: 'http://127.0.0.1:1',
  auth: { header: 'authorization', scheme: 'Bearer' },
  dialects: { 'openai-chat': { path: '/chat/completions' } }
}
