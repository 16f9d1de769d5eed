"""Scripts for fault pods: nftables rules and queueing disciplines in a pod's network namespace.

How clients' packets look there. A port-forward is a connection that the container runtime opens, as root, on the pod's
loopback device; the engine and the probes that run inside its container are other users, so the socket's owner tells
them apart. Traffic from a NodePort comes from the address of the node that took it, as the kubelet's probes come from
the pod's own node. Everything else comes from the address of its pod.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass, field

from targets.kubernetes.faultpod_means import FaultScript

MATCHED = "matched"
DROP, RESET, REFUSE = "drop", "reject with tcp reset", "reject"
_FORWARDER = "meta skuid 0"
_HITS = f"counter name {MATCHED}"
_COUNTERS = f"""nft list counter inet $TABLE {MATCHED} | awk '$1 == "packets" {{print "{MATCHED}", $2}}'"""


@dataclass(frozen=True, slots=True)
class Rules:
    """Matches without a verdict, for packets that come in and that go out.

    Attributes:
        verdict: ``DROP``, ``RESET`` or ``REFUSE``.
        incoming: for nftables' input hook.
        outgoing: for its output hook.
        peers: addresses of the sets ``peers4`` and ``peers6``.
        then: shell run after the rules are in force.
    """

    verdict: str
    incoming: Sequence[str] = ()
    outgoing: Sequence[str] = ()
    peers: Sequence[str] = field(default=())
    then: str = ""


def firewall(name: str, rules: Rules, *, probe: str = "") -> FaultScript:
    """The rules as a table that stops to match after its TTL, by the kernel's own doing."""
    peers = [
        (version, [one for one in rules.peers if ipaddress.ip_address(one).version == version]) for version in (4, 6)
    ]
    lines = [
        "nft -f - <<RULES",
        "table inet $TABLE {",
        f"counter {MATCHED} {{ }}",
        "set armed { type nf_proto; flags timeout; elements = { ipv4 timeout ${TTL}s, ipv6 timeout ${TTL}s } }",
        "set node4 { type ipv4_addr; $NODE4 }",
        "set node6 { type ipv6_addr; $NODE6 }",
        *(f"set peers{version} {{ type ipv{version}_addr; {_elements(found)} }}" for version, found in peers),
        *_chain("input", rules.incoming, rules.verdict),
        *_chain("output", rules.outgoing, rules.verdict),
        "}",
        "RULES",
        rules.then,
    ]
    return FaultScript(name, "\n".join(line for line in lines if line), _COUNTERS, probe)


def from_clients(port: int, *, spare_node: bool) -> tuple[list[str], list[str]]:
    """Matches, in and out, for the traffic between clients and a port; the peers' traffic passes.

    Args:
        port: of the pod.
        spare_node: let the node's own addresses pass, where no clients come from: they are the kubelet's probes.
    """
    incoming = [f'iifname "lo" tcp sport {port} {_FORWARDER}']
    outgoing = [f'oifname "lo" tcp dport {port} {_FORWARDER}']
    for version, family in ((4, "ip"), (6, "ip6")):
        sets = [f"peers{version}", *([f"node{version}"] if spare_node else [])]
        nfproto = f"meta nfproto ipv{version}"
        source = " ".join(f"{family} saddr != @{name}" for name in sets)
        destination = " ".join(f"{family} daddr != @{name}" for name in sets)
        incoming.append(f'{nfproto} iifname != "lo" tcp dport {port} {source}')
        outgoing.append(f'{nfproto} oifname != "lo" tcp sport {port} {destination}')
    return incoming, outgoing


def between_peers() -> tuple[list[str], list[str]]:
    """Matches, in and out, for all traffic with the peers."""
    return ["ip saddr @peers4", "ip6 saddr @peers6"], ["ip daddr @peers4", "ip6 daddr @peers6"]


def of_engine(ports: Sequence[int]) -> tuple[list[str], list[str]]:
    """Matches, in and out, for the engine's own protocol with any pod, by way of Services too; probes pass."""
    listed = _ports(ports)
    incoming = [f'iifname != "lo" tcp sport {listed}']
    outgoing = [f'oifname != "lo" tcp dport {listed}']
    for version, family in ((4, "ip"), (6, "ip6")):
        nfproto = f"meta nfproto ipv{version}"
        incoming.append(f'{nfproto} iifname != "lo" tcp dport {listed} {family} saddr != @node{version}')
        outgoing.append(f'{nfproto} oifname != "lo" tcp sport {listed} {family} daddr != @node{version}')
    return incoming, outgoing


def of_kubelet(port: int) -> list[str]:
    """Matches for what the pod's own node sends to a port: the kubelet's probes."""
    return [
        f'meta nfproto ipv{version} iifname != "lo" tcp dport {port} {family} saddr @node{version}'
        for version, family in ((4, "ip"), (6, "ip6"))
    ]


def of_container(ports: Sequence[int]) -> list[str]:
    """Matches for what the container sends to its own ports: probes by a command in the container."""
    return [f'oifname "lo" tcp dport {_ports(ports)} meta skuid != 0']


def of_names() -> list[str]:
    """Matches for DNS queries."""
    return ["udp dport 53", "tcp dport 53"]


def unreachable(address: str, port: int) -> str:
    """A probe: prints something once connecting is in vain."""
    where = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
    return f"{_connects(where)} || echo 'connecting to {where} is in vain'"


def nameless() -> str:
    """A probe: prints something once no name server answers."""
    return f"{_QUERY} | grep -q status: || echo 'no name server answers'"


_QUERY = "dig +tries=1 +time=1 kubernetes.default.svc"
ASK_A_NAME = f"{_QUERY} >/dev/null 2>&1 || true"


def shaping(name: str, qdisc: str, counter: str) -> FaultScript:
    """A root queueing discipline on every device of the pod, its loopback, where port-forwards arrive, included.

    Args:
        name: of the fault.
        qdisc: kind and parameters, with ``$mtu`` for the device's largest packet in bytes.
        counter: which of the kernel's counters proves an effect: ``packets``, ``dropped``, ``overlimits``.
    """
    column = {"packets": 4, "dropped": 7, "overlimits": 9}[counter]
    start = f"""
for device in $(ip -o link show up | awk -F ': ' '{{sub("@.*", "", $2); print $2}}'); do
	if tc qdisc show dev "$device" | grep root | grep -v ' 0: '; then
		echo "$device has a queueing discipline of somebody else" >&2
		exit 1
	fi
	mtu=$(ip -o link show dev "$device" | sed 's/.* mtu \\([0-9]*\\) .*/\\1/')
	tc qdisc add dev "$device" root handle $HANDLE {qdisc}
done"""
    counters = f"""tc -s qdisc show | awk -v handle=$HANDLE '/^qdisc/ {{ours = $3 == handle}}
ours && $1 == "Sent" {{gsub("[(),]", ""); print "{counter}", ${column}}}'"""
    return FaultScript(name, start.strip(), counters)


def _chain(hook: str, matches: Sequence[str], verdict: str) -> list[str]:
    if not matches:
        return []
    return [
        f"chain {hook} {{",
        f"type filter hook {hook} priority -300; policy accept;",
        "meta nfproto != @armed accept",
        *(f"{match} {_HITS} {_verdict(verdict, match)}" for match in matches),
        "}",
    ]


def _verdict(verdict: str, match: str) -> str:
    """As it is said for the match's protocol: only TCP knows resets."""
    return RESET if verdict == REFUSE and "tcp" in match.split() else verdict


def _elements(addresses: Sequence[str]) -> str:
    return f"elements = {{ {', '.join(addresses)} }}" if addresses else ""


def _ports(ports: Sequence[int]) -> str:
    return f"{{ {', '.join(str(port) for port in sorted(set(ports)))} }}"


def _connects(where: str) -> str:
    return f"socat -u OPEN:/dev/null TCP:{where},connect-timeout=1 2>/dev/null"
