/** The dialect's name. */
export const ID = 'anthropic-messages'
