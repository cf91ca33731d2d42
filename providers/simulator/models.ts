import { Refusal } from './refusal.ts'

const MODELS = [
  { id: 'sim-small', name: 'Simulated, small' },
  { id: 'sim-large', name: 'Simulated, large' },
  { id: 'sim-thinker', name: 'Simulated, thinks first' },
  { id: 'sim-embed', name: 'Simulated embeddings' }
]

const CREATED = new Date('2026-01-01T00:00:00Z')

const chatModel = ({ id }: { id: string }) => ({ id, object: 'model', created: CREATED.getTime() / 1000, owned_by: 'llm-gateway' })

const messagesModel = ({ id, name }: { id: string, name: string }) => ({
  type: 'model', id, display_name: name, created_at: CREATED.toISOString()
})

export function chatModels (id?: string): object {
  return id === undefined ? { object: 'list', data: MODELS.map(chatModel) } : chatModel(find(id))
}

export function messagesModels (id?: string): object {
  if (id !== undefined) return messagesModel(find(id))
  return { data: MODELS.map(messagesModel), has_more: false, first_id: MODELS[0]?.id, last_id: MODELS.at(-1)?.id }
}

function find (id: string): { id: string, name: string } {
  const found = MODELS.find(model => model.id === id)
  if (found === undefined) throw new Refusal(404, `The model '${id}' does not exist.`, 'model')
  return found
}
