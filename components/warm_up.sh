# The start-up probe of a coordinator: succeeds once it has answered queries. One that has just started has not heard of
# its workers yet; clients that came now would wait, give up and come again, and what they left behind would keep it
# busy long after. Without workers it succeeds after a while all the same: that there are none is a coordinator's to say.
# Variables: url, call, limit (seconds).
set -u
/usr/lib/trino/bin/health-check || exit 1

# Of this run of the container: its files outlive it.
since=/tmp/warm-up.$(stat -c %Y /proc/1)
[ -e "$since" ] || date +%s >"$since"
[ $(($(date +%s) - $(cat "$since"))) -lt "$limit" ] || exit 0

next() {
	printf '%s' "$1" | sed -n 's/.*"nextUri":"\([^"]*\)".*/\1/p'
}

ask() {
	answer=$(curl --config "$call" --data "$1" "$url") || return 1
	while where=$(next "$answer") && [ -n "$where" ]; do
		answer=$(curl --config "$call" "$where") || return 1
	done
	case "$answer" in
		*'"state":"FINISHED"'*) ;;
		*) echo "a query did not finish" >&2 && return 1 ;;
	esac
}

for _ in 1 2 3 4 5 6 7 8; do
	ask 'SELECT sum(x) FROM UNNEST(sequence(1, 25)) AS t(x)' || exit 1
done
