# The start-up probe of a coordinator: waits until it has answered queries. One that has just started has not heard of
# its workers yet; clients that came now would wait, give up and come again, and what they left behind would keep it
# busy long after. Without workers it succeeds after a while all the same: that there are none is a coordinator's to say.
#
# It waits here, in one go, since every start of a probe takes its share of the CPU that the server starts with.
# Variables: url, call, patience (seconds for the server to start, after which the probe fails and is made again), limit
# (seconds for warming up).
set -u

pass() {
	case "$1" in *"$2"*) return 0 ;; esac
	return 1
}

# The image's own check says no more than this.
ends=$(($(date +%s) + patience))
until pass "$(curl --silent --max-time 2 http://127.0.0.1:8080/v1/info)" '"starting":false'; do
	[ "$(date +%s)" -lt "$ends" ] || exit 1
	sleep 1
done

ask() { # without waiting for a worker, so that the wait for one is used to warm up what needs none
	answer=$(curl --config "$call" --header 'X-Trino-Session: required_workers_count=0' --data "$1" "$url") || return 1
	while where=$(printf '%s' "$answer" | sed -n 's/.*"nextUri":"\([^"]*\)".*/\1/p') && [ -n "$where" ]; do
		answer=$(curl --config "$call" "$where") || return 1
	done
	pass "$answer" '"state":"FINISHED"'
}

finished=0
ends=$(($(date +%s) + limit))
while [ "$finished" -lt 3 ] && [ "$(date +%s)" -lt "$ends" ]; do
	if ask 'SELECT sum(x) FROM UNNEST(sequence(1, 25)) AS t(x)'; then
		finished=$((finished + 1))
	else
		sleep 0.3
	fi
done
exit 0
