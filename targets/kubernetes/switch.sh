# A dead man's switch. Sends what it was given as a dry run, counts as armed when the API would take all of it, waits, and
# sends it in earnest, unless it was removed before.
# Arguments, four for each request: method, path with a query, type of the body, body.
# Variables: TTL, RETRY, ATTEMPTS (seconds, seconds, number), NAMESPACE, POD.
set -u
case "$KUBERNETES_SERVICE_HOST" in
	*:*) api="https://[$KUBERNETES_SERVICE_HOST]:$KUBERNETES_SERVICE_PORT" ;;
	*) api="https://$KUBERNETES_SERVICE_HOST:$KUBERNETES_SERVICE_PORT" ;;
esac
trap 'exit 0' TERM INT

pause() {
	sleep "$1" &
	wait $!
}

request() { # method path type body
	# The token changes while we wait, and must not be seen in the list of processes.
	printf 'Authorization: Bearer %s\n' "$(cat /access/token)" >/tmp/header
	curl --silent --show-error --max-time 10 --output /tmp/answer --write-out '%{http_code}' \
		--cacert /access/ca.crt --header @/tmp/header --header "Content-Type: $3" \
		--request "$1" --data-raw "$4" "$api$2" 2>/tmp/trouble || true
}

send_all() { # addition to every query, then the requests
	addition=$1
	shift
	while [ $# -ge 4 ]; do
		code=$(request "$1" "$2$addition" "$3" "$4")
		case "$code" in
			# What is gone needs no revert.
			2?? | 404) ;;
			*)
				# Another object is in its place.
				if [ "$code" = 409 ] && grep -q 'Precondition failed: UID' /tmp/answer; then
					shift 4
					continue
				fi
				echo "$1 ${2%%\?*}: status $code $(head -c 300 /tmp/answer /tmp/trouble 2>/dev/null | tr -s '\n\t ' ' ')"
				return 1
				;;
		esac
		shift 4
	done
}

: >/tmp/answer
send_all '&dryRun=All' "$@" || exit 1
touch /tmp/armed
pause "$TTL"

self="/api/v1/namespaces/$NAMESPACE/pods/$POD"
attempt=0
while [ "$attempt" -lt "$ATTEMPTS" ]; do
	attempt=$((attempt + 1))
	# On a node that was cut off, a switch may have been removed without knowing it.
	[ "$(request GET "$self?" application/json '')" = 404 ] && exit 0
	if send_all '' "$@"; then
		request DELETE "$self?gracePeriodSeconds=0" application/json '' >/dev/null
	fi
	pause "$RETRY"
done
exit 1
