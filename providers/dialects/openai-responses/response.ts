import { objectOf } from '../json.ts'

/** The response object around the output. Most of it repeats the request. */

/** What a client that leaves a field out gets for it, as the vendor's own replies show. */
const DEFAULTS: Readonly<Record<string, unknown>> = {
  instructions: null,
  max_output_tokens: null,
  max_tool_calls: null,
  parallel_tool_calls: true,
  prompt_cache_key: null,
  prompt_cache_retention: null,
  safety_identifier: null,
  service_tier: 'auto',
  temperature: 1,
  tool_choice: 'auto',
  tools: [],
  top_logprobs: 0,
  top_p: 1,
  truncation: 'disabled',
  user: null,
  metadata: {}
}

/** @param created Unix seconds */
export function responseObject (id: string, model: string, created: number, request: Record<string, unknown> = {}): Record<string, unknown> {
  const repeated = Object.entries(DEFAULTS).map(([name, value]) => [name, request[name] ?? value])
  return {
    id,
    object: 'response',
    created_at: created,
    status: 'in_progress',
    background: false,
    completed_at: null,
    error: null,
    incomplete_details: null,
    model,
    output: [],
    previous_response_id: null,
    ...Object.fromEntries(repeated),
    reasoning: { effort: null, summary: null, ...fieldsOf(request.reasoning) },
    // Nothing that was translated is kept anywhere.
    store: false,
    text: { format: { type: 'text' }, verbosity: 'medium', ...fieldsOf(request.text) },
    usage: null
  }
}

/** The ids of the vendor's responses begin so, and clients know them by it. */
export function responseId (id: string): string {
  return id.startsWith('resp_') ? id : `resp_${id}`
}

function fieldsOf (value: unknown): Record<string, unknown> {
  return Object.fromEntries(Object.entries(objectOf(value)).filter(([, field]) => field !== null))
}
