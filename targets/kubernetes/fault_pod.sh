# What a fault pod runs: it shares the node's process ids, is privileged, and ends by itself. POSIX sh; no double dollar
# sign and no command called like a variable of the pod, since Kubernetes would take either for its own syntax.
#
# ACTION is "strike" (inject into the network namespace of a pod, undo it after TTL seconds, at the file STATE/end, or
# when told to end), "sweep" (undo what a killed fault pod may have left in that pod) or "look" (run LOOK in a namespace
# of our own). An injection consists of one nftables table, TABLE, and of root qdiscs with the handle HANDLE: so undoing it
# needs no knowledge of it. The last words, "clean", "left: ..." or "failed: ...", become the container's termination message.
set -u
PROC=${PROC:-/proc}
STATE=${STATE:-/run/qer}
WORDS=${WORDS:-/dev/termination-log}
HANDLE=7e57:

# Of the processes whose cgroup files are given, the one that started first. A container's main process is always that;
# conmon, which CRI-O keeps beside each container under a cgroup of almost the same name, is none of it.
oldest() {
	first='' earliest=''
	for file in "$@"; do
		if grep -q conmon "$file" 2>/dev/null; then continue; fi
		status=$(cat "${file%/cgroup}/stat" 2>/dev/null) || continue
		status=${status##*) } # the command's name may hold anything
		case $status in Z*) continue ;; esac
		started=$(echo "$status" | cut -d ' ' -f 20)
		if [ -z "$first" ] || [ "$started" -lt "$earliest" ]; then
			first=${file%/cgroup} earliest=$started
		fi
	done
	echo "${first##*/}"
}

# The main process of the container with this id: cgroup v1 and v2, cgroupfs and systemd, containerd, Docker and CRI-O.
main_process() {
	# shellcheck disable=SC2046 # paths without spaces
	oldest $(grep -lE "[/-]$1"'([.]scope)?(/|$)' "$PROC"/[0-9]*/cgroup 2>/dev/null)
}

# The first process of the pod with this uid, which systemd writes with underscores.
pod_process() {
	# shellcheck disable=SC2046
	oldest $(grep -lE "pod($1|$(echo "$1" | tr - _))"'([.]slice)?(/|$)' "$PROC"/[0-9]*/cgroup 2>/dev/null)
}

last_words() {
	echo "$*" | tee "$WORDS"
}

give_up() {
	last_words "failed: $*"
	exit 0 # another status would have the kubelet start us again
}

# Keep the target's network namespace open, so that it can be entered whatever becomes of its processes.
enter() {
	exec 9<"$PROC/$1/ns/net" || give_up "the network namespace of process $1 cannot be opened"
	own=$(readlink "$PROC/$1/ns/net") node=$(readlink "$PROC/1/ns/net")
	if [ -z "$own" ] || [ -z "$node" ] || [ "$own" = "$node" ]; then
		give_up "the pod does not have a network of its own"
	fi
}

inside() {
	nsenter --net=/proc/self/fd/9 -- "$@"
}

# Addresses of the node itself, where the kubelet's probes come from.
node_addresses() {
	nsenter --net="$PROC/1/ns/net" -- ip -o "-$1" address show |
		awk '$2 != "lo" {sub("/.*", "", $4); print $4}' | sort -u | paste -sd , -
}

elements() {
	if [ -n "$1" ]; then echo "elements = { $1 }"; fi
}

shaped() {
	inside tc qdisc show 2>/dev/null | awk -v handle="$HANDLE" '$3 == handle {print $5}'
}

undo() {
	inside nft delete table inet "$TABLE" 2>/dev/null
	for device in $(shaped); do
		inside tc qdisc del dev "$device" root
	done
}

leftovers() {
	if inside nft list table inet "$TABLE" >/dev/null 2>&1; then echo "nftables table $TABLE"; fi
	for device in $(shaped); do echo "qdisc of $device"; done
}

conclude() {
	trap '' TERM INT HUP
	trap - EXIT
	undo
	rest=$(leftovers | paste -sd , -)
	if [ -z "$rest" ]; then last_words "clean${1:+: $1}"; else last_words "left: $rest"; fi
	if [ -e "$STATE/end" ]; then sleep 2; fi # whoever asked for the end waits for these words in here
	exit 0
}

seconds() {
	read -r up idle <"/proc/uptime"
	echo "${up%.*}"
}

probed=''
report() {
	counted=$(inside sh -c "$COUNTERS" 2>/dev/null)
	# The probe would be counted itself: only once others have been.
	if [ -n "$PROBE" ] && [ -z "$probed" ] && echo "$counted" | awk '{sum += $2} END {exit sum == 0}'; then
		probed=$(inside sh -c "$PROBE" 2>/dev/null | tail -n 1)
	fi
	{
		echo active
		if [ -n "$counted" ]; then echo "$counted" | sed 's/^/counter /'; fi
		if [ -n "$probed" ]; then echo "probe $probed"; fi
	} >"$STATE/report.new" && mv "$STATE/report.new" "$STATE/report"
}

strike() {
	mkdir -p "$STATE"
	MAIN=$(main_process "$CONTAINER")
	process=${MAIN:-$(pod_process "$POD_UID")}
	if [ -z "$process" ]; then give_up "no process of container $CONTAINER runs on this node"; fi
	enter "$process"
	if [ -n "$(leftovers)" ]; then conclude "a killed fault pod had left its injection"; fi
	NODE4=$(elements "$(node_addresses 4)") NODE6=$(elements "$(node_addresses 6)")
	export MAIN NODE4 NODE6 HANDLE
	trap 'conclude "told to end"' TERM INT HUP
	trap 'conclude "ended early"' EXIT
	end=$(($(seconds) + TTL))
	if ! inside sh -ec "$START" 2>"$STATE/errors"; then
		trap - EXIT
		undo
		rest=$(leftovers | paste -sd , -)
		if [ -n "$rest" ]; then last_words "left: $rest"; else last_words "failed: $(grep . "$STATE/errors" | head -n 1)"; fi
		exit 0
	fi
	while [ -n "$COUNTERS" ] && [ "$(seconds)" -lt "$end" ] && [ ! -e "$STATE/end" ]; do
		report
		sleep 0.4 &
		wait "$!"
	done
	conclude
}

sweep() {
	process=$(pod_process "$POD_UID")
	if [ -z "$process" ]; then
		last_words "clean: the pod is gone"
		exit 0
	fi
	enter "$process"
	conclude
}

look() {
	last_words "$(sh -c "$LOOK" 2>&1 | tail -c 2000)"
}

case ${ACTION:-} in
strike) strike ;;
sweep) sweep ;;
look) look ;;
esac
