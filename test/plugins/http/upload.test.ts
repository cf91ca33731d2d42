import { EventEmitter } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { mock } from 'node:test'
import t from 'tap'
import { watchUpload } from '../../../plugins/http/upload.ts'

t.beforeEach(() => mock.timers.enable({ apis: ['setInterval'] }))
t.afterEach(() => mock.timers.reset())

function upload (): { request: EventEmitter, errors: Array<{ code: string }> } {
  const request = new EventEmitter()
  const errors: Array<{ code: string }> = []
  request.on('error', (error: { code: string }) => errors.push(error))
  watchUpload(request as IncomingMessage)
  return { request, errors }
}

t.test('an upload that stalls ends after ten seconds, once', async (t) => {
  const { request, errors } = upload()
  request.emit('data', Buffer.alloc(1_000_000))
  mock.timers.tick(10_000)
  t.same(errors, [])
  mock.timers.tick(60_000)
  t.match(errors, [{ code: 'request_timeout' }])
})

t.test('one that trickles ends after twenty', async (t) => {
  const { request, errors } = upload()
  for (let second = 0; second < 19; second++) {
    request.emit('data', Buffer.alloc(100))
    mock.timers.tick(1000)
  }
  t.same(errors, [])
  mock.timers.tick(1000)
  t.match(errors, [{ code: 'request_timeout' }])
})

t.test('an upload that nobody reads any more is let go, and harms nobody', async (t) => {
  let destroyed = false
  const request = Object.assign(new EventEmitter(), { destroy () { destroyed = true } })
  watchUpload(request as unknown as IncomingMessage)
  mock.timers.tick(10_000)
  t.ok(destroyed)
})

t.test('a large body on a slow line gets through', async (t) => {
  const { request, errors } = upload()
  for (let second = 0; second < 600; second++) {
    request.emit('data', Buffer.alloc(9 * 1024))
    mock.timers.tick(1000)
  }
  request.emit('end')
  mock.timers.tick(60_000)
  t.same(errors, [])
})
