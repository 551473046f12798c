-- Prints what wrk has measured as a line of JSON. With an argument each connection waits so many
-- milliseconds before its next request, give or take a half.
init = function(arguments)
  local wait = tonumber(arguments[1])
  if wait then
    delay = function() return math.random(wait * 0.5, wait * 1.5) end
  end
end

done = function(summary, latency)
  local failed = summary.errors
  io.write(string.format(
    '{"requests": %d, "seconds": %f, "p50_ms": %f, "p99_ms": %f, "errors": %d}\n',
    summary.requests, summary.duration / 1e6,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000,
    failed.connect + failed.read + failed.write + failed.status + failed.timeout))
end
