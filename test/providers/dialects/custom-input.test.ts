import t from 'tap'
import { InputUnwrapper, InputWrapper } from '../../../providers/dialects/custom-input.ts'

function wrap (...pieces: string[]): string {
  const wrapper = new InputWrapper()
  return pieces.map((piece) => wrapper.push(piece)).join('') + wrapper.end()
}

function unwrap (...pieces: string[]): string[] {
  const unwrapper = new InputUnwrapper()
  return [...pieces.map((piece) => unwrapper.push(piece)), unwrapper.end()]
}

const odd = 'a "quoted" \\ path\n\tgrößer 漢字 👩‍🚀 \u0000'

t.test('a text is wrapped as arguments, piece by piece', async (t) => {
  t.same(JSON.parse(wrap(odd)), { input: odd })
  t.same(JSON.parse(wrap(...odd)), { input: odd })
  t.same(JSON.parse(wrap('\ud83d', '\ude00')), { input: '😀' }, 'cut inside a character')
  t.equal(wrap(), '{"input":""}')
})

t.test('arguments are unwrapped as they come, cut anywhere', async (t) => {
  for (const json of [JSON.stringify({ input: odd }), ` { "input" : ${JSON.stringify(odd)} } `, `{"input":"${Array.from({ length: odd.length }, (_, i) => `\\u${odd.charCodeAt(i).toString(16).padStart(4, '0')}`).join('')}"}`]) {
    for (let at = 0; at <= json.length; at++) t.equal(unwrap(json.slice(0, at), json.slice(at)).join(''), odd)
    t.equal(unwrap(...json).join(''), odd)
  }
  t.same(unwrap('{"input":"SEL', 'ECT 1\\', 'n"}'), ['SEL', 'ECT 1', '\n', ''], 'nothing waits but an unfinished escape')
  t.same(unwrap('{"input":"a', '\n', 'b"}').join(''), 'a\nb', 'a raw line end')
  for (const [json, text] of [['\\d\\\\d', '\\d\\d'], ['\\u12', '\\u12'], ['\\uzz', '\\uzz']]) t.equal(unwrap(...`{"input":"${json}"}`).join(''), text, 'what is no escape')
})

t.test('what is no such wrapping is told in the end', async (t) => {
  t.same(unwrap('SELECT', ' 1'), ['', '', 'SELECT 1'])
  t.same(unwrap('{"why":"x",', '"input":"a"}'), ['', '', 'a'])
  t.same(unwrap('{"query":"a"}'), ['', '{"query":"a"}'])
  t.same(unwrap(), [''])
})
