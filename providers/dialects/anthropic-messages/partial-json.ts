/**
 * Makes JSON text that was cut off whole again: what is not complete at the end is left out, what is open is closed.
 * A call cut by the output cap has such arguments, and a whole reply has no other way to hold them.
 */
export function closeJson (text: string): string {
  const open: string[] = []
  let end = 0
  let closers = ''
  let isKey = false
  const complete = (at: number): void => {
    end = at
    closers = open.toReversed().join('')
  }
  for (const { 0: token, index } of text.matchAll(/"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+(?=[\s,\]}])/g)) {
    if (token === '{' || token === '[') {
      open.push(token === '{' ? '}' : ']')
      isKey = token === '{'
      complete(index + 1)
    } else if (token === '}' || token === ']') {
      open.pop()
      isKey = false
      complete(index + 1)
    } else if (token === ',') {
      isKey = open.at(-1) === '}'
    } else if (token === ':') {
      isKey = false
    } else if (!isKey) {
      complete(index + token.length)
    }
  }
  return text.slice(0, end) + closers
}
