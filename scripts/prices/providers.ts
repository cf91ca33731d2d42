/** Batches of these cost half of all rates, as their price pages have said since there are any. Of others it is not known. */
const HALF = 0.5

/**
 * The providers that are taken of the source: those with an API that the gateway can speak to or be a plugin for. By our
 * name for each: the source's, and what else it is called, by LiteLLM above all; and which part of its rates counts in a batch,
 * which the source does not say.
 */
export const taken: Record<string, { source: string, aliases?: string[], batch?: number }> = {
  openai: { source: 'openai', aliases: ['text-completion-openai'], batch: HALF },
  anthropic: { source: 'anthropic', batch: HALF },
  deepseek: { source: 'deepseek' },
  google: { source: 'google', aliases: ['gemini', 'vertex_ai', 'vertex_ai-language-models'], batch: HALF },
  mistral: { source: 'mistral', aliases: ['codestral'] },
  xai: { source: 'x-ai', aliases: ['x-ai'] },
  groq: { source: 'groq' },
  cerebras: { source: 'cerebras' },
  together: { source: 'together', aliases: ['together-ai', 'together_ai'] },
  fireworks: { source: 'fireworks', aliases: ['fireworks-ai', 'fireworks_ai'] },
  perplexity: { source: 'perplexity' },
  moonshot: { source: 'moonshotai', aliases: ['moonshotai'] },
  azure: { source: 'azure', aliases: ['azure_ai'] },
  bedrock: { source: 'aws', aliases: ['aws', 'bedrock_converse'] },
  openrouter: { source: 'openrouter' }
}
