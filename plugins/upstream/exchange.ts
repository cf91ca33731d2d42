import { scriptOf } from '../redis/script.ts'

/**
 * What lies in Redis of the targets' health, in one slot of a cluster and gone an hour after the last change.
 *
 *     llmgw:{targets}:meta        epoch · version: which data this is, and how many changes it has seen
 *     llmgw:{targets}:changes     sorted set: target → the version in which it changed last
 *     llmgw:{targets}:standings   hash: target → at · until · rest · failures · moment · gateway; failures 0 is one that is well
 */
const PREFIX = 'llmgw:{targets}:'

export const exchangeKeys = [`${PREFIX}meta`, `${PREFIX}changes`, `${PREFIX}standings`]

/**
 * A gateway tells what it has learned of targets, and hears what has changed since it heard last. Of two that say something
 * else of a target, the one that learned it later is right, whenever its word comes. Of two words of one gateway its own
 * clock tells which is the later: by Redis' clock the first one is as much younger as it was longer on its way.
 *
 * ARGV: gateway, an epoch in case there is none, the epoch and version that it has heard; then of each target: id, ms since
 * it was learned, ms that it still rests, ms of its rest, failures, and the moment by the gateway's clock. Answers epoch, version and Redis' time, then id and
 * standing of each.
 */
export const exchange = scriptOf('exchange', `
local META, CHANGES, STANDINGS = KEYS[1], KEYS[2], KEYS[3]
local KEPT, MOST, AT_ONCE = 3600000, 10000, 500
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local function whole (n) return string.format('%.0f', n + 0) end

local m = redis.call('HMGET', META, 'epoch', 'version')
local epoch, version, since = m[1], tonumber(m[2] or 0), tonumber(ARGV[4])
if not epoch then
  epoch = ARGV[2]
  redis.call('HSET', META, 'epoch', epoch, 'version', 0)
  redis.call('PEXPIRE', META, KEPT)
end
if epoch ~= ARGV[3] or since > version then since = 0 end

local heard, outdated = {}, {}
for i = 5, #ARGV, 6 do
  local id, at, moment = ARGV[i], now - ARGV[i + 1], ARGV[i + 5]
  local old, told, teller = string.match(redis.call('HGET', STANDINGS, id) or '0 0 -', '^(%d+).* (%S+) (%S+)$')
  old = tonumber(old)
  local own = teller == ARGV[1]
  if own and tonumber(told) > tonumber(moment) or not own and old > at then
    table.insert(outdated, id)
  else
    version = version + 1
    redis.call('ZADD', CHANGES, version, id)
    redis.call('HSET', STANDINGS, id, table.concat({ whole(math.max(old, at)), whole(now + ARGV[i + 2]), ARGV[i + 3], ARGV[i + 4], moment, ARGV[1] }, ' '))
  end
end
if #ARGV > 4 then
  local over = redis.call('ZCARD', CHANGES) - MOST
  if over > 0 then
    for _, id in ipairs(redis.call('ZRANGE', CHANGES, 0, over - 1)) do redis.call('HDEL', STANDINGS, id) end
    redis.call('ZREMRANGEBYRANK', CHANGES, 0, over - 1)
  end
  redis.call('HSET', META, 'version', version)
  for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, KEPT) end
end

local changed = redis.call('ZRANGEBYSCORE', CHANGES, '(' .. since, '+inf', 'WITHSCORES', 'LIMIT', 0, AT_ONCE)
for i = 1, #changed, 2 do table.insert(heard, changed[i]) end
local upTo = #heard == AT_ONCE and tonumber(changed[#changed]) or version
for _, id in ipairs(outdated) do table.insert(heard, id) end
local reply = { epoch, upTo, now }
for _, id in ipairs(heard) do
  table.insert(reply, id)
  table.insert(reply, redis.call('HGET', STANDINGS, id) or '')
end
return reply
`)
