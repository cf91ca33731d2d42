-- Checks every reply: its status, that it is whole, and the usage in it. BENCH_REQUEST is the name of a file with the bytes to send,
-- BENCH_EXPECTED a text that every reply has.
local threads = {}
local expected = os.getenv("BENCH_EXPECTED")
local request_bytes

good, bad, worst = 0, 0, ""

function setup (thread)
  table.insert(threads, thread)
end

function init ()
  -- wrk.format would put headers into another order in each run, as no client does, and have V8 compile anew what had met only one.
  local file = io.open(os.getenv("BENCH_REQUEST"), "rb")
  request_bytes = file:read("*a")
  file:close()
end

function request ()
  return request_bytes
end

function response (status, _, body)
  if status == 200 and body:find(expected, 1, true) then
    good = good + 1
  else
    bad = bad + 1
    worst = status == 200 and "no usage" or "status " .. status
  end
end

function done (summary, latency)
  local good, bad, worst = 0, 0, ""
  for _, thread in ipairs(threads) do
    good = good + thread:get("good")
    bad = bad + thread:get("bad")
    if thread:get("worst") ~= "" then worst = thread:get("worst") end
  end
  local errors = summary.errors
  io.write(string.format(
    'RESULT {"good":%d,"bad":%d,"worst":"%s","broken":%d,"seconds":%f,"p50":%f,"p99":%f}\n',
    good, bad, worst, errors.connect + errors.read + errors.write + errors.timeout,
    summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3
  ))
end
