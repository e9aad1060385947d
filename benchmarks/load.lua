-- For wrk: POST one body again and again, each {id} in it replaced by a number of its own.
-- Arguments: token, a file with the body. Prints one line of JSON with what benchmarks/load.py asks for.
local parts, number = {}, 0

function init(arguments)
  local token, body = arguments[1], io.open(arguments[2]):read("*a")
  for part in (body .. "{id}"):gmatch("(.-){id}") do parts[#parts + 1] = part end
  wrk.method = "POST"
  wrk.headers["Content-Type"] = "application/json"
  wrk.headers["Authorization"] = "Bearer " .. token
  local length = 12 * (#parts - 1)
  for _, part in ipairs(parts) do length = length + #part end
  head = wrk.format(nil, nil, nil, string.rep(" ", length)):sub(1, -length - 1)
end

function request()
  local written = { head, parts[1] }
  for place = 2, #parts do
    number = number + 1
    written[#written + 1] = string.format("%012d", number)
    written[#written + 1] = parts[place]
  end
  return table.concat(written)
end

function done(summary, latency)
  local wrong = summary.errors
  print(string.format(
    '{"rate": %.1f, "p50": %.2f, "p99": %.2f, "errors": %d}',
    summary.requests * 1e6 / summary.duration, latency:percentile(50) / 1000,
    latency:percentile(99) / 1000,
    wrong.connect + wrong.read + wrong.write + wrong.status + wrong.timeout))
end
