import { EventEmitter } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { mock } from 'node:test'
import t from 'tap'
import { Uploads, type Upload } from '../../../plugins/http/upload.ts'

t.beforeEach(() => mock.timers.enable({ apis: ['setInterval'] }))
t.afterEach(() => mock.timers.reset())

class Request extends EventEmitter {
  readonly socket = { bytesRead: 500 }
  complete = false
  destroyed = false
  destroy (): void { this.destroyed = true }
}

function upload (): { uploads: Uploads, request: Request, begun: Upload, errors: Array<{ code: string }> } {
  const request = new Request()
  const errors: Array<{ code: string }> = []
  request.on('error', (error: { code: string }) => errors.push(error))
  const uploads = new Uploads()
  const begun = uploads.begin(request as unknown as IncomingMessage)
  return { uploads, request, begun, errors }
}

t.test('an upload that stalls ends after ten seconds, once (C11)', async (t) => {
  const { request, errors } = upload()
  request.socket.bytesRead += 1_000_000
  mock.timers.tick(10_000)
  t.same(errors, [])
  mock.timers.tick(2_500)
  t.match(errors, [{ code: 'request_timeout' }])
  mock.timers.tick(60_000)
  t.equal(errors.length, 1)
})

t.test('one that trickles ends after twenty (C11)', async (t) => {
  const { request, errors } = upload()
  for (let second = 0; second < 22; second++) {
    request.socket.bytesRead += 100
    mock.timers.tick(1000)
  }
  t.same(errors, [])
  mock.timers.tick(1000)
  t.match(errors, [{ code: 'request_timeout' }])
})

t.test('an upload that nobody reads any more is let go, and harms nobody', async (t) => {
  const { request } = upload()
  request.removeAllListeners('error')
  mock.timers.tick(12_500)
  t.ok(request.destroyed)
})

t.test('a large body on a slow line gets through (C11)', async (t) => {
  const { uploads, request, begun, errors } = upload()
  for (let second = 0; second < 600; second++) {
    request.socket.bytesRead += 9 * 1024
    mock.timers.tick(1000)
  }
  uploads.end(begun)
  mock.timers.tick(60_000)
  t.same(errors, [])
})

t.test('one that has come to its end untold is forgotten', async (t) => {
  const { request, errors } = upload()
  request.complete = true
  mock.timers.tick(60_000)
  t.same(errors, [])
  t.notOk(request.destroyed)
})
