/** Text in the pieces a stream sends it in: words, long ones cut, never inside a character. */
export function pieces (text: string): string[] {
  return text.match(/\s*\S{1,16}|\s+$/gu) ?? []
}

/** JSON text cut anywhere, as models send the arguments of a tool call. */
export function jsonPieces (value: object): string[] {
  return JSON.stringify(value).match(/[^]{1,6}/gu) ?? []
}
