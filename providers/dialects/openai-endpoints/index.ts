import { Type } from 'typebox'
import type { Dialect } from '../dialect.ts'
import { capCompletion, compaction, completion, rerank, texts, unbounded } from './bound.ts'
import { endpoint } from './endpoint.ts'

const Text = Type.String()
const Texts = Type.Unsafe({ description: 'A text, or a list of them.' })
const File = Type.Unsafe({ description: 'A file of the form.' })
const Files = Type.Unsafe({ description: 'A file of the form, or several.' })
const Items = Type.Unsafe({ description: 'A text, or a list of items.' })

const audio = ['audio/', 'application/octet-stream']
/** Subtitles and plain text. */
const text = ['text/plain', 'text/vtt', 'text/srt', 'application/x-subrip']

/**
 * The endpoints of OpenAI's API that are passed through and metered, never translated:
 * https://platform.openai.com/docs/api-reference. Other servers have them too; reranking has its shape from Cohere and Jina.
 */
export const endpoints: readonly Dialect[] = [
  endpoint('openai-embeddings', '/embeddings', { summary: 'Embeds texts', operation: 'embeddings', bound: texts, fields: { input: Texts } }),
  endpoint('openai-completions', '/completions', { summary: 'Continues a text', operation: 'text_completion', bound: completion, cap: capCompletion, fields: { prompt: Type.Optional(Texts) }, includesUsage: true }),
  endpoint('openai-moderations', '/moderations', { summary: 'Classifies texts and images', bound: texts, fields: { input: Texts }, defaultModel: true }),
  endpoint('openai-images', '/images/generations', { summary: 'Makes images', bound: unbounded('images'), fields: { prompt: Text }, defaultModel: true, last: ['image_generation.completed'] }),
  endpoint('openai-image-edits', '/images/edits', { summary: 'Edits images', bound: unbounded('images'), fields: { image: Files, prompt: Text }, defaultModel: true, forms: true, last: ['image_edit.completed'] }),
  endpoint('openai-image-variations', '/images/variations', { summary: 'Varies an image', bound: unbounded('images'), fields: { image: File }, defaultModel: true, forms: true }),
  endpoint('openai-speech', '/audio/speech', { summary: 'Speaks a text', bound: unbounded('speech'), fields: { input: Text, voice: Texts }, media: audio, last: ['speech.audio.done'] }),
  endpoint('openai-transcriptions', '/audio/transcriptions', { summary: 'Writes down speech', bound: unbounded('transcription'), fields: { file: File }, forms: true, media: text, last: ['transcript.text.done'] }),
  endpoint('openai-translations', '/audio/translations', { summary: 'Writes down speech in English', bound: unbounded('transcription'), fields: { file: File }, forms: true, media: text }),
  endpoint('openai-compact', '/responses/compact', { summary: 'Shortens a conversation', bound: compaction, fields: { input: Items }, refers: ['previous_response_id'] }),
  endpoint('rerank', '/rerank', { summary: 'Orders documents by a query', bound: rerank, fields: { query: Text, documents: Type.Array(Type.Unsafe({})) }, also: ['/v2/rerank'] })
]
