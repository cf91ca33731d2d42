import { script } from './script.ts'

/**
 * A gateway says that it lives, and hears which data this is. A new epoch begins where there is none (Redis is empty), and
 * where Redis was restarted with data older than what this gateway has seen: what it held then is not to be trusted.
 * Answers the epoch, writes, and Redis' time.
 *
 * KEYS: meta, owners, source. ARGV: owner, lease, an epoch in case, Redis' run; then the epoch, run and number of writes that the gateway knows.
 */
export const hello = script('hello', `
local owner, lease, fresh, run = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[4]
local m = redis.call('HMGET', META, 'epoch', 'run', 'base', 'writes')
local epoch, base, writes = m[1], tonumber(m[3]), tonumber(m[4])
if epoch and m[2] ~= run then
  base = writes
  redis.call('HSET', META, 'run', run, 'base', whole(base))
end
local stale = epoch == ARGV[5] and run ~= ARGV[6] and tonumber(ARGV[7]) > (base or 0)
if not epoch or stale then
  for _, other in ipairs(redis.call('ZRANGE', OWNERS, 0, -1)) do redis.call('DEL', P .. 'holds:' .. other) end
  redis.call('DEL', OWNERS)
  epoch, writes = fresh, 0
  redis.call('HSET', META, 'epoch', epoch, 'run', run, 'base', 0, 'writes', 0)
end
local before = redis.call('GET', KEYS[3])
if before and before ~= owner and redis.call('ZSCORE', OWNERS, before) then redis.call('ZADD', OWNERS, 0, before) end
redis.call('SET', KEYS[3], owner, 'PX', KEPT)
redis.call('ZADD', OWNERS, whole(now + lease), owner)
return { epoch, writes, now }
`)
