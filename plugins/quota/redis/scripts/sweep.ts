import { script } from './script.ts'

/**
 * Holds of gateways that live no more stay charged as they are; what they held of parallel requests is free again.
 *
 * KEYS: meta, owners. ARGV: epoch, most holds in one step, Redis' time when it was sent. Answers `epoch`, or `swept`, writes,
 * how many, and whether there are more.
 */
export const sweep = script('sweep', `
local epoch, room, swept = ARGV[1], tonumber(ARGV[2]), 0
if redis.call('HGET', META, 'epoch') ~= epoch then return { 'epoch' } end
-- Redis stood still: gateways may have said that they live, and it has not read it yet.
if now - tonumber(ARGV[3]) > 2000 then return { 'swept', 0, 0, 0 } end
for _, owner in ipairs(redis.call('ZRANGEBYSCORE', OWNERS, '-inf', whole(now), 'LIMIT', 0, 100)) do
  local HOLDS = P .. 'holds:' .. owner
  while swept < room and redis.call('EXISTS', HOLDS) == 1 do
    local page = redis.call('HRANDFIELD', HOLDS, math.min(50, room - swept), 'WITHVALUES')
    for i = 1, #page, 2 do
      for _, h in ipairs(cmsgpack.unpack(page[i + 1])) do
        local key = P .. h[1]
        local c = read(key, epoch, '')
        if c and h[2] == 'held' then redis.call('HINCRBY', key, 'u', whole(-h[3])) end
        if c and h[2] == 'length' and c.w == h[4] then redis.call('HINCRBY', key, 'n', -1) end
      end
      redis.call('HDEL', HOLDS, page[i])
      swept = swept + 1
    end
  end
  if swept >= room then return { 'swept', wrote(), swept, 1 } end
  redis.call('ZREM', OWNERS, owner)
end
return { 'swept', swept > 0 and wrote() or 0, swept, 0 }
`)
