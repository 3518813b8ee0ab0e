-- The load for wrk: POSTs one body over and over, each request with an
-- X-Request-ID of its own, so that nothing is answered as a duplicate.
--
--   wrk -s bench/post.lua URL -- PATH BODY_FILE RUN
--
-- RUN makes the ids of one run differ from those of another.  The environment's
-- BENCH_AUTHORIZATION is the header of that name.

local head, tail, count = "", "", 0

function init(args)
    local path, file, run = args[1], args[2], args[3]
    local fh = assert(io.open(file, "rb"))
    local body = fh:read("*a")

    fh:close()
    head = "POST " .. path .. " HTTP/1.1\r\n"
        .. "Host: localhost\r\n"
        .. "Authorization: "
        .. (os.getenv("BENCH_AUTHORIZATION") or "Token bench-token") .. "\r\n"
        .. "fp-id: BF01\r\n"
        .. "Content-Type: application/json\r\n"
        .. "X-Request-ID: " .. run .. "-"
    tail = "\r\nContent-Length: " .. #body .. "\r\n\r\n" .. body
end

function request()
    count = count + 1
    return head .. count .. tail
end

-- One line that the caller reads: requests/s, p50 and p99 in microseconds,
-- answers other than 2xx, errors of the sockets.
function done(summary, latency)
    local e = summary.errors

    io.write(string.format("RESULT %.1f %d %d %d %d\n",
        summary.requests / summary.duration * 1e6,
        latency:percentile(50), latency:percentile(99), e.status,
        e.connect + e.read + e.write + e.timeout))
end
