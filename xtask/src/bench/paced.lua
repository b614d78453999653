-- Requests at a steady rate, whatever the answers take; with a form's token, sign-ins: each for another account, from
-- another address, at times that know nothing of each other (a Poisson process), as those of many senders are. wrk's own
-- words come first, then: requests a second, 0 for as fast as they come [token, cookies, origin | "spread": pages, each
-- for another address].
--
-- Sign-ins at even intervals would keep step with the pages: wrk counts in whole milliseconds, so both fall on the same
-- beat, and how far they lie apart on it, which is chance, decides for a whole window whether a page meets a sign-in.
local ffi = require("ffi")
ffi.cdef [[
  typedef struct { long tv_sec; long tv_nsec; } storeward_time;
  int clock_gettime(int clock, storeward_time *time);
  int usleep(unsigned int microseconds);
]]
local time = ffi.new("storeward_time")

local function now_ms()
  ffi.C.clock_gettime(1, time)
  return tonumber(time.tv_sec) * 1000 + tonumber(time.tv_nsec) / 1000000
end

local interval, next_ms, made
-- When the sign-ins that wait for their millisecond are to go, the first first.
local due, first_due, last_due = {}, 1, 0
local form
local spread = false
-- Seen by `done` through thread:get.
counts = ""
local by_status = {}

function init(words)
  local rate = tonumber(words[1])
  interval = rate > 0 and 1000 / rate or 0
  next_ms, made = now_ms(), 0
  spread = words[2] == "spread"
  if words[2] and not spread then form = { csrf = words[2], cookies = words[3], origin = words[4] } end
  math.randomseed(next_ms)
  made = math.random(0, 4000000)
end

function delay()
  local now = now_ms()
  if next_ms < now - 1000 then next_ms = now end
  local wait = next_ms - now
  if form then
    last_due = last_due + 1
    due[last_due] = next_ms
  end
  next_ms = next_ms + (form and -math.log(1 - math.random()) or 1) * interval
  if wait < 0 then return 0 end
  return math.floor(form and wait or wait + 0.5)
end

-- What is left of the millisecond, which `delay` cannot say. Nobody times the answers to sign-ins, so the tool may sleep.
local function wait_for_the_rest()
  local at = due[first_due]
  if not at then return end
  due[first_due] = nil
  first_due = first_due + 1
  local left = math.min(at - now_ms(), 2)
  if left > 0.02 then ffi.C.usleep(left * 1000) end
end

-- Spread over the whole space, so that no network around an address counts for many.
local function address()
  local high, low = made * 40503 % 65536, made * 25173 % 65536
  if made % 2 == 0 then
    return string.format("%d.%d.%d.%d", 11 + high % 100, math.floor(high / 256), low % 256, math.floor(low / 256))
  end
  return string.format("2001:%x:%x:%x::1", high, low, made % 65536)
end

function request()
  made = made + 1
  if spread then return wrk.format("GET", nil, { ["X-Forwarded-For"] = address() }) end
  if not form then return wrk.format("GET") end
  wait_for_the_rest()
  return wrk.format("POST", nil, {
    ["Content-Type"] = "application/x-www-form-urlencoded",
    ["Cookie"] = form.cookies,
    ["Origin"] = form.origin,
    ["Sec-Fetch-Site"] = "same-origin",
    ["X-Forwarded-For"] = address(),
  }, "csrf=" .. form.csrf .. "&email=nobody-" .. made .. "%40people.example&password=not-this-one-" .. made .. "&next=")
end

function response(status)
  if not form then return end
  by_status[status] = (by_status[status] or 0) + 1
  local parts = {}
  for s, n in pairs(by_status) do parts[#parts + 1] = s .. " x " .. n end
  counts = table.concat(parts, ", ")
end

local threads = {}
function setup(thread) threads[#threads + 1] = thread end

function done()
  for _, thread in ipairs(threads) do
    local said = thread:get("counts")
    if said ~= "" then print("answers: " .. said) end
  end
end
