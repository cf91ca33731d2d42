/**
 * Asks the provider behind every virtual key who it is. Of keys that the file has by their hash only, it says so.
 *
 *     npm install openai
 *     npx node examples/test-router.ts [keys.json]   with Node 22.18 or newer: in this folder npx brings it
 *
 * GATEWAY_URL  where the gateway listens; default http://127.0.0.1:8080
 * KEYS_FILE    where no file is given; default keys.json
 * MODEL        asked of every key; default: the first chat model that GET /v1/models shows for the key
 */
import { readFileSync } from 'node:fs'
import OpenAI from 'openai'

const gatewayUrl = process.env['GATEWAY_URL'] ?? 'http://127.0.0.1:8080'
const keysFile = process.argv[2] ?? process.env['KEYS_FILE'] ?? 'keys.json'
const notForChat = /audio|babbage|dall-e|davinci|embed|image|instruct|moderation|realtime|sora|transcribe|tts|whisper/

interface Entry { provider?: string, targets?: Array<{ provider: string }> }
const { virtual_keys: virtualKeys }: { virtual_keys: Record<string, Entry> } = JSON.parse(readFileSync(keysFile, 'utf8'))
if (Object.keys(virtualKeys).length === 0) {
  console.error(`${keysFile} holds no virtual keys`)
  process.exit(1)
}

print('KEY', 'PROVIDER', 'MODEL', 'ANSWER')
for (const [key, entry] of Object.entries(virtualKeys)) {
  const provider = entry.provider ?? entry.targets?.map((target) => target.provider).join(',') ?? ''
  if (key.startsWith('sha256:')) {
    print(shorten(key), provider, '', 'not asked: the file has only its hash')
    continue
  }
  let model = process.env['MODEL'] ?? ''
  let answer: string
  try {
    // All that is special about the gateway: its address, and a virtual key for an API key.
    const client = new OpenAI({ baseURL: `${gatewayUrl}/v1`, apiKey: key })
    model ||= await pickModel(client)
    answer = await ask(client, model)
  } catch (error) {
    process.exitCode = 1
    answer = `FAILED: ${error instanceof Error ? error.message : String(error)}`
  }
  print(shorten(key), provider, model, answer)
}

async function pickModel (client: OpenAI): Promise<string> {
  for await (const { id } of client.models.list()) {
    if (!notForChat.test(id)) return id
  }
  throw new Error('no chat model is listed for this key; name one in MODEL')
}

async function ask (client: OpenAI, model: string): Promise<string> {
  const stream = await client.chat.completions.create({
    model,
    messages: [{ role: 'user', content: 'Who are you? Answer in one short sentence.' }],
    stream: true
  })
  let text = ''
  for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? ''
  return text.replaceAll(/\s+/g, ' ').trim()
}

/** Enough to tell keys apart, never the whole key. */
function shorten (key: string): string {
  return key.slice(0, Math.min(8, Math.floor(key.length / 2))) + '…'
}

function print (key: string, provider: string, model: string, answer: string): void {
  console.log(`${key.padEnd(14)} ${provider.padEnd(12)} ${model.padEnd(24)} ${answer}`)
}
