-- The load's one request, and its result as one line of JSON that load.py reads.
-- wrk formats the request once and sends the same bytes ever after.

function init(arguments)
    for line in io.lines(arguments[1]) do
        local name, value = line:match("^([^:]+): (.*)$")
        wrk.headers[name] = value
    end
end

function done(summary, latency)
    local errors = summary.errors
    io.write(string.format(
        '\nload {"requests": %d, "microseconds": %d, "bytes": %d, "socket_errors": %d, ' ..
        '"bad_statuses": %d, "p50": %d, "p99": %d}\n',
        summary.requests, summary.duration, summary.bytes,
        errors.connect + errors.read + errors.write + errors.timeout,
        errors.status, latency:percentile(50), latency:percentile(99)))
end
