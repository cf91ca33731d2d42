/**
 * The providers that are taken of the source: those with an API that the gateway can speak to or be a plugin for. By our
 * name for each: the source's, and what else it is called, by LiteLLM above all.
 */
export const taken: Record<string, { source: string, aliases?: string[] }> = {
  openai: { source: 'openai', aliases: ['text-completion-openai'] },
  anthropic: { source: 'anthropic' },
  deepseek: { source: 'deepseek' },
  google: { source: 'google', aliases: ['gemini', 'vertex_ai', 'vertex_ai-language-models'] },
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
