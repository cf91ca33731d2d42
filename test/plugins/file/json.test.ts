import t from 'tap'
import { JsonFault, parseJson } from '../../../plugins/file/json.ts'

function fault (text: string): string {
  try {
    parseJson(Buffer.from(text))
  } catch (error) {
    if (error instanceof JsonFault) return error.message
    throw error
  }
  return ''
}

t.test('what is no JSON is told by place and sign', async (t) => {
  for (const [text, said] of [
    ['{"a": 1,\n}', 'see line 2, column 1, "}" behind a comma: the last entry has none'],
    ['[1, 2, ]', 'see line 1, column 8, "]" behind a comma: the last entry has none'],
    ['{\n  // mine\n  "a": 1}', 'see line 2, column 3, a comment: JSON has none'],
    ['{"a": 1 /* mine */}', 'see line 1, column 9, a comment: JSON has none'],
    ['# mine\n{}', 'see line 1, column 1, a comment: JSON has none'],
    ['{"a": 1\n "b": 2}', 'see line 2, column 2, a double quote where a comma or "}" must be'],
    ['["a" "b"]', 'see line 1, column 6, a double quote where a comma or "]" must be'],
    ['{"a"; 1}', 'see line 1, column 5, ";" where a colon must be'],
    ['{"a":}', 'see line 1, column 6, "}" where a value must be'],
    ['{,}', 'see line 1, column 2, "," where a name must be'],
    ['{}}', 'see line 1, column 3, "}" where the end must be'],
    ["{'a': 1}", 'see line 1, column 2, a quotation mark that is not "'],
    ['{“a”: 1}', 'see line 1, column 2, a quotation mark that is not "'],
    ['{\u00a0"a": 1}', 'see line 1, column 2, the character U+00A0 where a name must be'],
    ['{a: 1}', 'see line 1, column 2, where a name must be, texts and names in double quotes'],
    ['{"a": "b\n}', 'see line 1, column 7, a text whose closing quote is missing'],
    ['{"a": "b}', 'see line 1, column 7, a text whose closing quote is missing'],
    ['{"a": "C:\\keys"}', 'see line 1, column 7, a text with a backslash that must be doubled'],
    ['{"a": "\t"}', 'see line 1, column 7, a text with a control character in it, such as a tab'],
    ['{"a": 1', 'it ends too early'],
    ['{"a": 1,', 'it ends too early']
  ] as const) t.equal(fault(text), `it is not valid JSON: ${said}`, text)
})

t.test('and by no letter or digit of it, wherever it breaks off', async (t) => {
  const secret = 'QZé7Ж9'
  const own = /^it is not valid JSON: (?:see line \d+, column \d+, [^QZéЖ\d]*|it ends too early)$/
  const good = '{"virtual_keys": {"vk": {"api_key": "QZé7Ж9", "models": ["QZ"], "n": 7}}}'
  for (let at = 0; at < good.length; at++) {
    for (const text of [good.slice(0, at) + secret + good.slice(at), good.slice(0, at) + good.slice(at + 1), `${good.slice(0, at)}"${good.slice(at)}`]) {
      const said = fault(text)
      if (said !== '') t.match(said, own)
    }
  }
})
