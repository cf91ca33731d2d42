/** The dialect's name. */
export const ID = 'openai-chat'
