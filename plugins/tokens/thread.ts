import { parentPort } from 'node:worker_threads'
import { loadTokenizer, type Encoding, type Tokenizer } from '../../providers/tokenizers.ts'

/** What the thread is asked, one question at a time. */
export interface Question {
  encoding: Encoding
  text: string
}

/** `missing` where there is no such tokenizer; neither where it failed. */
export interface Answer {
  tokens?: number
  missing?: boolean
}

const loaded = new Map<Encoding, Tokenizer | undefined>()

async function answer ({ encoding, text }: Question): Promise<Answer> {
  if (!loaded.has(encoding)) loaded.set(encoding, await loadTokenizer(encoding))
  const tokenizer = loaded.get(encoding)
  if (tokenizer === undefined) return { missing: true }
  try {
    return { tokens: tokenizer(text) }
  } catch {
    return {}
  }
}

parentPort?.on('message', (question: Question) => {
  void answer(question).then((result) => parentPort?.postMessage(result))
})
