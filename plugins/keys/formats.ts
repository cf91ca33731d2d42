import { formatFault } from '../config/formats.ts'
import { parseDateTime } from '../moment.ts'

/** The formats of keys.json. */
export const formats = {
  'date-time': (text: string): boolean => parseDateTime(text) !== undefined,
  timeout: (text: string): boolean => formatFault('timeout', text) === undefined
}
