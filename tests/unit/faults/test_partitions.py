"""Faults by fault pods: the scripts that they send, whom they strike, when they cannot, what proves them."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from faults.base import Fault, NotPossible, Tuning
from faults.partitions import (
    DnsRefused,
    IsolateWorker,
    PartitionClients,
    PartitionEngine,
    PodBandwidth,
    PodLatency,
    PodLoss,
    PodReset,
)
from faults.privileged import PrivilegedFault
from faults.readiness import NotReady, Probe, probe
from targets.base import MeansError
from targets.kubernetes.faultpod_means import FaultReport, FaultScript
from targets.kubernetes.means import PodView
from tests.unit.faults.stack import FakeFaultPods, FakeStack, of_pod

EVERY: list[tuple[type[PrivilegedFault], str, str]] = [
    (PartitionClients, "trino", "clients"),
    (PartitionClients, "clickhouse", "clients"),
    (PodReset, "trino", "clients"),
    (PartitionEngine, "trino", "workers"),
    (IsolateWorker, "trino", "worker"),
    (DnsRefused, "clickhouse", "server"),
    (PodBandwidth, "trino", "coordinator"),
    (PodLatency, "trino", "worker"),
    (PodLoss, "clickhouse", "server"),
    (NotReady, "trino", "coordinator"),
    (NotReady, "clickhouse", "server"),
]
HTTP_PROBE = {"httpGet": {"path": "/v1/info", "port": "http"}, "periodSeconds": 5, "failureThreshold": 6}


@pytest.fixture
def stack(tmp_path: Path) -> FakeStack:
    made = FakeStack(tmp_path)
    ports = [("http", 8080), ("https", 8443)]
    liveness = HTTP_PROBE | {"periodSeconds": 10}
    made.control.objects[made.coordinator.ref] = of_pod(ports, readinessProbe=HTTP_PROBE, livenessProbe=liveness)
    made.control.objects[made.server.ref] = of_pod(
        [("http", 8123), ("native", 9000)], readinessProbe={"exec": {"command": ["x"]}}
    )
    return made


def pods(stack: FakeStack) -> FakeFaultPods:
    assert stack.fault_pods is not None
    return stack.fault_pods


def made(stack: FakeStack, fault: type[PrivilegedFault], engine: str = "trino", component: str = "") -> PrivilegedFault:
    return fault(stack, engine, component or fault.components(stack, engine)[0], Tuning(hold=3, ttl=33))


def script(stack: FakeStack, fault: type[PrivilegedFault], engine: str = "trino") -> tuple[PodView, FaultScript]:
    bound = made(stack, fault, engine)
    (target,) = bound.choose()
    return target, bound.script(target)


def rules(start: str, chain: str) -> list[str]:
    """The rules of a chain that count."""
    body = start.partition(f"chain {chain} {{\n")[2].partition("\n}")[0]
    return [line for line in body.splitlines() if "counter" in line]


@pytest.mark.parametrize(("fault", "engine", "component"), EVERY)
def test_every_script_leaves_only_what_a_fault_pod_undoes(
    stack: FakeStack, fault: type[PrivilegedFault], engine: str, component: str
) -> None:
    bound = made(stack, fault, engine, component)
    for one in bound.choose():
        text = bound.script(one).start
        assert "$$" not in text and not re.search(r"\$\([A-Z]", text)  # Kubernetes' own syntax
        assert ("table inet $TABLE" in text and "timeout ${TTL}s" in text) or "root handle $HANDLE" in text
        assert text.count("table ") <= 1


@pytest.mark.parametrize(("fault", "engine", "component"), EVERY)
@pytest.mark.skipif(not shutil.which("nft"), reason="nft is not here")
def test_nft_understands_the_rules(
    stack: FakeStack, fault: type[PrivilegedFault], engine: str, component: str, tmp_path: Path
) -> None:
    bound = made(stack, fault, engine, component)
    text = bound.script(bound.choose()[0]).start
    if "RULES" not in text:
        pytest.skip("queueing disciplines have no such check")
    ruleset = text.partition("<<RULES\n")[2].partition("\nRULES")[0]
    ruleset = ruleset.replace("$TABLE", "qer_test").replace("${TTL}", "33")
    ruleset = ruleset.replace("$NODE4", "elements = { 192.0.2.1 }").replace("$NODE6", "")
    file = tmp_path / "rules.nft"
    file.write_text(ruleset)
    done = subprocess.run(["nft", "--check", "-f", str(file)], capture_output=True, text=True, check=False, timeout=20)
    if "Operation not permitted" in done.stderr:
        pytest.skip("only root may ask the kernel")
    assert done.returncode == 0, done.stderr


def test_clients_are_cut_off_whatever_way_they_come(stack: FakeStack) -> None:
    target, found = script(stack, PartitionClients)
    assert target == stack.coordinator
    dropped = "counter name matched drop"
    assert rules(found.start, "input") == [
        'iifname "lo" tcp sport 8443 meta skuid 0 counter name matched drop',
        f'meta nfproto ipv4 iifname != "lo" tcp dport 8443 ip saddr != @peers4 ip saddr != @node4 {dropped}',
        f'meta nfproto ipv6 iifname != "lo" tcp dport 8443 ip6 saddr != @peers6 ip6 saddr != @node6 {dropped}',
    ]
    assert rules(found.start, "output")[0] == 'oifname "lo" tcp dport 8443 meta skuid 0 counter name matched drop'
    assert "set peers4 { type ipv4_addr; elements = { 10.0.0.1, 10.0.0.2 } }" in found.start
    assert "set peers6 { type ipv6_addr; elements = { fd00::2 } }" in found.start
    assert "TCP:127.0.0.1:8443" in found.probe


def test_probes_are_spared_unless_clients_come_from_the_nodes_as_well(tmp_path: Path) -> None:
    start = script(FakeStack(tmp_path, transport="node-port"), PartitionClients, "clickhouse")[1].start
    assert not any("@node4" in rule for rule in rules(start, "input") + rules(start, "output"))
    assert "8123" in rules(start, "input")[0]


def test_a_reset_is_sent_to_both_sides(stack: FakeStack) -> None:
    _, found = script(stack, PodReset)
    both = rules(found.start, "input") + rules(found.start, "output")
    assert len(both) == 6 and all(rule.endswith("reject with tcp reset") for rule in both)


def test_the_coordinator_is_parted_from_all_workers(stack: FakeStack) -> None:
    target, found = script(stack, PartitionEngine)
    assert target == stack.coordinator
    assert "elements = { 10.0.0.2 }" in found.start and "elements = { fd00::2 }" in found.start
    assert rules(found.start, "output") == [
        "ip daddr @peers4 counter name matched drop",
        "ip6 daddr @peers6 counter name matched drop",
    ]
    assert "TCP:10.0.0.2:8080" in found.probe


def test_one_worker_is_isolated_from_services_too_and_its_probes_pass(stack: FakeStack) -> None:
    target, found = script(stack, IsolateWorker)
    assert target == stack.workers[0]
    assert 'oifname != "lo" tcp dport { 8080, 8443 } counter name matched drop' in rules(found.start, "output")
    assert any("dport { 8080, 8443 } ip saddr != @node4" in rule for rule in rules(found.start, "input"))
    assert "TCP:10.0.0.1:8080" in found.probe


def test_names_are_refused_by_the_word_that_each_protocol_has(stack: FakeStack) -> None:
    _, found = script(stack, DnsRefused)
    assert rules(found.start, "output") == [
        "udp dport 53 counter name matched reject",
        "tcp dport 53 counter name matched reject with tcp reset",
    ]
    assert not rules(found.start, "input")


@pytest.mark.parametrize(
    ("fault", "qdisc", "counter"),
    [
        (PodBandwidth, "tbf rate 10000bps burst $((mtu * 2)) latency 1s", 'print "overlimits", $9'),
        (PodLatency, "netem delay 50ms limit 100000", 'print "packets", $4'),
        (PodLoss, "netem loss 10% limit 100000", 'print "dropped", $7'),
    ],
)
def test_shapes(stack: FakeStack, fault: type[PrivilegedFault], qdisc: str, counter: str) -> None:
    _, found = script(stack, fault)
    assert f"root handle $HANDLE {qdisc}\n" in found.start
    assert counter in found.counters


def test_the_kernels_counters_are_read(stack: FakeStack) -> None:
    printed = (
        "qdisc tbf 7e57: dev lo root refcnt 2 rate 80Kbit burst 70000b lat 1s\n"
        " Sent 1200 bytes 12 pkt (dropped 3, overlimits 40 requeues 0)\n backlog 0b 0p requeues 0\n"
        "qdisc noqueue 0: dev tunl0 root refcnt 2\n Sent 9 bytes 9 pkt (dropped 9, overlimits 9 requeues 0)\n"
    )
    for fault, expected in ((PodBandwidth, "overlimits 40"), (PodLatency, "packets 12"), (PodLoss, "dropped 3")):
        command = script(stack, fault)[1].counters.replace("tc -s qdisc show", "cat")
        done = subprocess.run(
            ["sh", "-c", command],
            input=printed,
            env={"HANDLE": "7e57:", "PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        )
        assert done.stdout.strip() == expected


def test_what_was_recorded_is_struck_and_reverted_twice_without_harm(stack: FakeStack) -> None:
    fault = made(stack, PartitionClients)
    fault.preflight()
    record = fault.remember()
    fault.inject()
    ((key, target, sent, ttl),) = pods(stack).struck
    assert (key, target, ttl) == (fault.key, stack.coordinator, 33)
    assert sent == fault.script(target)
    assert fault.proof() == "in coordinator-1: matched 4 packets; in vain"
    assert fault.revert_proof() == ""
    again = made(stack, PartitionClients)
    again.key = fault.key
    again.recall(record)
    again.revert()
    again.revert()
    assert again.revert_proof() == "no rule is left"


def test_a_revert_without_an_injection_does_no_harm(stack: FakeStack) -> None:
    fault = made(stack, DnsRefused)
    fault.remember()
    fault.revert()
    assert fault.revert_proof()
    assert not pods(stack).struck


@pytest.mark.parametrize(
    "said", [FaultReport({"matched": 0}, ("in vain",), 1), FaultReport({"matched": 9}, (), 1), FaultReport({}, (), 0)]
)
def test_no_packet_or_no_probe_is_no_proof(stack: FakeStack, said: FaultReport) -> None:
    fault = made(stack, PartitionEngine)
    fault.remember()
    fault.inject()
    pods(stack).said = said
    assert fault.proof() == ""


def test_a_record_of_something_else_is_refused(stack: FakeStack) -> None:
    with pytest.raises(MeansError, match="cannot be read"):
        made(stack, PodReset).recall('[{"name": "x"}]')


@pytest.mark.parametrize(("fault", "feature"), [(PodLatency, "netem"), (PodBandwidth, "tbf"), (DnsRefused, "nftables")])
def test_a_kernel_without_it_is_a_reason(stack: FakeStack, fault: type[PrivilegedFault], feature: str) -> None:
    pods(stack).has = frozenset({"nftables", "tbf", "netem"} - {feature})
    with pytest.raises(NotPossible, match=f"{feature} is missing on node node1"):
        made(stack, fault).preflight()


def test_no_namespace_for_fault_pods_is_a_reason(stack: FakeStack) -> None:
    pods(stack).problem = "set faultsNetwork true"
    with pytest.raises(MeansError, match="faultsNetwork"):
        made(stack, PodReset).preflight()


def test_no_running_pod_is_a_reason(stack: FakeStack) -> None:
    stack.control.by_role["trino", "worker"] = [replace(one, started_at="") for one in stack.workers]
    with pytest.raises(NotPossible, match="no pod of trino's worker runs"):
        made(stack, PartitionEngine).preflight()


@pytest.mark.parametrize("fault", [PartitionEngine, IsolateWorker])
def test_an_engine_without_workers_is_a_reason(stack: FakeStack, fault: type[Fault]) -> None:
    with pytest.raises(NotPossible, match="clickhouse has no workers"):
        fault.components(stack, "clickhouse")


def test_a_service_that_leads_nowhere_is_a_reason(stack: FakeStack) -> None:
    stack.control.objects[stack.control.service("trino")] = {"spec": {"ports": [{"port": 1}]}}
    with pytest.raises(NotPossible, match="leads to no port"):
        made(stack, PartitionClients).preflight()


def test_a_readiness_probe_by_the_network_is_refused_to_the_kubelet_alone(stack: FakeStack) -> None:
    _, found = script(stack, NotReady)
    incoming = rules(found.start, "input")
    assert incoming[0].startswith('meta nfproto ipv4 iifname != "lo" tcp dport 8080 ip saddr @node4 ')
    assert len(incoming) == 2 and not rules(found.start, "output")


def test_a_readiness_probe_in_the_container_is_refused_and_port_forwards_are_not(stack: FakeStack) -> None:
    _, found = script(stack, NotReady, "clickhouse")
    assert rules(found.start, "output") == [
        'oifname "lo" tcp dport { 8123, 9000 } meta skuid != 0 counter name matched reject with tcp reset'
    ]
    assert not rules(found.start, "input")


def test_not_ready_lasts_until_the_probe_has_failed_often_enough(stack: FakeStack) -> None:
    fault = made(stack, NotReady)
    fault.preflight()
    fault.remember()
    stack.control.ready = []
    fault.inject()
    assert pods(stack).struck[0][3] > 6 * 5 + 3
    assert "Service/qer-x-trino/trino has no endpoint" in fault.proof()
    stack.control.ready = ["10.0.0.1:8443"]
    assert fault.proof() == ""


def test_a_hold_that_the_liveness_probe_would_end_is_a_reason(stack: FakeStack) -> None:
    fault = NotReady(stack, "trino", "coordinator", Tuning(hold=30))
    with pytest.raises(NotPossible, match=r"liveness probe, at the same port 8080, would restart .*at most 15 s"):
        fault.preflight()


def test_no_readiness_probe_is_a_reason(stack: FakeStack) -> None:
    stack.control.objects[stack.coordinator.ref] = of_pod([("http", 8080)])
    with pytest.raises(NotPossible, match="has no readiness probe"):
        made(stack, NotReady).preflight()


def test_probes_have_kubernetes_defaults() -> None:
    container = {"readinessProbe": {"tcpSocket": {"port": 7}}, "livenessProbe": {"exec": {"command": ["x"]}}}
    assert probe(container, "readinessProbe", {}) == Probe(7, 10, 3)
    assert probe(container, "livenessProbe", {}) == Probe(None, 10, 3)
    assert probe(container, "startupProbe", {}) is None
