import t from 'tap'
import { BadForm, boundaryOf, formFields, parseForm, spliceForm } from '../../../providers/dialects/multipart.ts'

const TYPE = 'multipart/form-data; boundary=b0'

function form (...parts: Array<[headers: string, content: string | Buffer]>): Buffer {
  return Buffer.concat([
    ...parts.map(([headers, content]) => Buffer.concat([Buffer.from(`--b0\r\n${headers}\r\n\r\n`), Buffer.from(content), Buffer.from('\r\n')])),
    Buffer.from('--b0--\r\n')
  ])
}

const field = (name: string, content: string): [string, string] => [`Content-Disposition: form-data; name="${name}"`, content]
const once = new Set(['model'])
const read = (bytes: Buffer, type = TYPE): Record<string, unknown> => formFields(bytes, parseForm(bytes, type), once)

t.test('boundaries', async (t) => {
  const cases: Array<[string, string | undefined]> = [
    ['multipart/form-data; boundary=abc', 'abc'],
    ['Multipart/Form-Data;boundary="a b:c"', 'a b:c'],
    ['multipart/form-data; charset=utf-8; boundary=----x', '----x'],
    ['multipart/form-data; BOUNDARY=x', 'x'],
    ['multipart/form-data', undefined],
    ['multipart/form-data; boundary=', undefined],
    ['multipart/form-data; boundary="a "', undefined],
    ['multipart/form-data; boundary=a; boundary=b', undefined],
    ['multipart/form-data; boundary=a;boundary=a', undefined],
    ['multipart/form-data; boundary="a', undefined],
    ['multipart/form-data; boundary="a"b', undefined],
    ['multipart/form-data; boundary=a"b', undefined],
    [`multipart/form-data; boundary=${'x'.repeat(71)}`, undefined],
    ['multipart/mixed; boundary=a', undefined],
    ['application/json; boundary=a', undefined]
  ]
  for (const [type, boundary] of cases) t.equal(boundaryOf(type), boundary, type)
})

t.test('fields and files are found, and every other byte is left alone', async (t) => {
  const file = Buffer.from([0, 13, 10, 45, 45, 98, 13, 10, 13, 10, 255, 13, 10])
  const bytes = form(
    field('model', 'whisper-1'),
    ['content-disposition: form-data; name="file"; filename="a;\\"b.mp3"\r\nContent-Type: audio/mpeg', file],
    ['Content-Disposition:form-data;name=language', 'dé'],
    ['Content-Disposition: form-data; name="prompt"\r\nContent-Type: text/plain; charset=utf-8', ''],
    field('include[]', 'a'), field('include[]', 'b')
  )
  t.same(read(bytes), { model: 'whisper-1', file, language: 'dé', prompt: '', 'include[]': 'b' })
  const edited = spliceForm(bytes, parseForm(bytes, TYPE), { model: 'real', absent: 'x' })
  t.ok(edited.equals(Buffer.from(bytes.toString('latin1').replace('whisper-1', 'real'), 'latin1')))
  t.same(parseForm(Buffer.from('--b0--'), TYPE), [], 'no part at all')
})

t.test('what two parsers could read differently is refused', async (t) => {
  const disposition = 'Content-Disposition: form-data; name="model"'
  const bad: Array<[string, Buffer]> = [
    ['empty', Buffer.alloc(0)],
    ['a preamble', Buffer.concat([Buffer.from('x\r\n'), form(field('model', 'a'))])],
    ['no closing boundary', Buffer.from(`--b0\r\n${disposition}\r\n\r\na\r\n`)],
    ['an open boundary at the end', Buffer.from(`--b0\r\n${disposition}\r\n\r\na\r\n--b0\r\n`)],
    ['an epilogue', Buffer.concat([form(field('model', 'a')), Buffer.from('--b0\r\n')])],
    ['bare line ends', Buffer.from(form(field('model', 'a')).toString().replaceAll('\r\n', '\n'))],
    ['a boundary that is no line of its own', form(field('prompt', 'x--b0\r\nContent-Disposition: form-data; name="model"\r\n\r\nb'))],
    ['a boundary behind a bare line end', form(field('prompt', `x\n--b0\r\n${disposition}\r\n\r\nb`))],
    ['a longer boundary', form(field('prompt', 'x\r\n--b01'))],
    ['space behind a boundary', Buffer.from(`--b0 \r\n${disposition}\r\n\r\na\r\n--b0--\r\n`)],
    ['the model twice', form(field('model', 'a'), field('model', 'b'))],
    ['two dispositions', form([`${disposition}\r\nContent-Disposition: form-data; name="x"`, 'a'])],
    ['no disposition', form(['Content-Type: text/plain', 'a'])],
    ['no headers', Buffer.from('--b0\r\n\r\na\r\n--b0--\r\n')],
    ['two names', form(['Content-Disposition: form-data; name="x"; name="model"', 'a'])],
    ['an extended name', form(['Content-Disposition: form-data; name="x"; name*=utf-8\'\'model', 'a'])],
    ['an escaped name', form(['Content-Disposition: form-data; name="mo\\del"', 'a'])],
    ['a folded header', form(['Content-Disposition: form-data;\r\n name="model"', 'a'])],
    ['a space before the colon', form(['Content-Disposition : form-data; name="model"', 'a'])],
    ['a bare line end in a header', form(['X: y\nContent-Disposition: form-data; name="model"', 'a'])],
    ['another kind', form(['Content-Disposition: attachment; name="model"', 'a'])],
    ['an encoding', form([`${disposition}\r\nContent-Transfer-Encoding: base64`, 'YQ=='])],
    ['another charset', form([`${disposition}\r\nContent-Type: text/plain; charset=utf-16`, 'a'])],
    ['a text that is not UTF-8', form(['Content-Disposition: form-data; name="model"', Buffer.from([0xff])])],
    ['endless headers', form([`${disposition}\r\nX: ${'x'.repeat(20_000)}`, 'a'])],
    ['too many parts', form(...Array.from({ length: 1025 }, (_, i) => field(`f${i}`, '')))]
  ]
  for (const [name, bytes] of bad) t.throws(() => read(bytes), BadForm, name)
  t.throws(() => read(form(field('model', 'a')), 'multipart/form-data'), BadForm)
})

t.test('every cut of a form is refused, and no byte changed in it makes another model of it unseen', async (t) => {
  const bytes = form(field('model', 'whisper-1'), ['Content-Disposition: form-data; name="file"; filename="a"', 'data'])
  const closed = bytes.length - 2
  for (let end = 0; end < closed; end++) t.throws(() => read(bytes.subarray(0, end)), BadForm, `cut at ${end}`)
  let model = 0
  for (let at = 0; at < bytes.length; at++) {
    for (const byte of [0, 10, 13, 32, 34, 45, 59, 92, 255]) {
      const changed = Buffer.from(bytes)
      changed[at] = byte
      try {
        const parts = parseForm(changed, TYPE)
        // Whatever is still a form is one that its own parts and the boundaries between them make up.
        t.ok(parts.every(({ start, end }) => start <= end && !changed.subarray(start, end).includes('--b0')))
        model += parts.length
      } catch (error) {
        if (!(error instanceof BadForm)) throw error
      }
    }
  }
  t.ok(model > 0)
})

t.test('a body made to be slow is read in no time', async (t) => {
  const started = performance.now()
  for (const text of ['--b0\r\n'.repeat(200_000), `--b0\r\nContent-Disposition: form-data; ${'a="'.repeat(5000)}`, `--b0\r\n${'x:y\r\n'.repeat(200_000)}`, '-'.repeat(4_000_000)]) {
    t.throws(() => read(Buffer.from(text)), BadForm)
  }
  t.ok(performance.now() - started < 1000)
})
