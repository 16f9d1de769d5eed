# Waits for an HTTP request whose body has MARKER in it, answers everybody, and leaves that body as the message of its end.
# Variables: MARKER, PORT, TTL (seconds), DIRECTORY (to write to), REPORT (the file for the message).
set -u
cat >"$DIRECTORY/answer.sh" <<'ANSWER'
length=0
while IFS= read -r line; do
	line=$(printf %s "$line" | tr -d '\r')
	[ -n "$line" ] || break
	case "$line" in
		[Cc]ontent-[Ll]ength:*) length=$(printf %s "${line#*:}" | tr -dc 0-9) ;;
	esac
done
body=$(head -c "${length:-0}")
printf 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n'
case "$body" in
	*"$MARKER"*)
		printf %s "$body" | head -c 3000 >"$DIRECTORY/found.$$"
		mv "$DIRECTORY/found.$$" "$DIRECTORY/found"
		;;
esac
ANSWER
export MARKER DIRECTORY
socat "TCP-LISTEN:$PORT,reuseaddr,fork" EXEC:"sh $DIRECTORY/answer.sh" &
listener=$!
trap 'kill "$listener" 2>/dev/null; exit 0' TERM INT

waited=0
while [ "$waited" -lt "$TTL" ]; do
	if [ -f "$DIRECTORY/found" ]; then
		cat "$DIRECTORY/found" >"$REPORT"
		kill "$listener"
		exit 0
	fi
	if ! kill -0 "$listener" 2>/dev/null; then
		echo "cannot listen on port $PORT" >"$REPORT"
		exit 1
	fi
	waited=$((waited + 1))
	sleep 1 &
	wait $!
done
echo "nothing came in $TTL s" >"$REPORT"
kill "$listener"
exit 1
