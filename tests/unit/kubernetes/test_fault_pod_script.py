"""The script of fault pods, run for real by a shell against a made-up ``/proc``."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from targets.kubernetes.faultpod_manifest import LIBRARY

SHELLS = [shell for shell in ("dash", "bash", "busybox") if shutil.which(shell)]
ID, OTHER = "a1" * 32, "b2" * 32
UID = "0f6a1c1e-8f53-4a0e-9d3a-6a1f0c7b2d11"
POD = UID.replace("-", "_")

# What the container with ID is found under, by cgroup version, cgroup driver and runtime.
LAYOUTS = {
    "v1, cgroupfs": f"5:memory:/kubepods/burstable/pod{UID}/{ID}\n1:name=systemd:/kubepods/burstable/pod{UID}/{ID}",
    "v2, cgroupfs": f"0::/kubepods/burstable/pod{UID}/{ID}",
    "v2, systemd, containerd": (
        f"0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{POD}.slice/cri-containerd-{ID}.scope"
    ),
    "v2, systemd, Docker": f"0::/kubepods.slice/kubepods-pod{POD}.slice/docker-{ID}.scope",
    "v2, systemd, CRI-O": f"0::/kubepods.slice/kubepods-besteffort-pod{POD}.slice/crio-{ID}.scope/container",
    "v2, seen from another cgroup namespace": f"0::/../../kubepods-burstable-pod{POD}.slice/cri-containerd-{ID}.scope",
    "nested, as in minikube's and kind's nodes": f"0::/docker/{OTHER}/kubepods/burstable/pod{UID}/{ID}",
}


class Processes:
    """A directory that looks like ``/proc`` as far as the script goes."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def add(self, pid: int, cgroup: str, *, started: int, name: str = "java", state: str = "S") -> None:
        process = self.directory / str(pid)
        process.mkdir(parents=True)
        (process / "cgroup").write_text(cgroup + "\n")
        # proc(5): the 22nd field is the start time; the command's name may hold spaces and brackets.
        (process / "stat").write_text(
            f"{pid} ({name}) {state} " + " ".join("0" for _ in range(18)) + f" {started} 0 0\n"
        )

    def call(self, shell: str, function: str) -> str:
        program = [shell, "sh"] if shell == "busybox" else [shell]
        done = subprocess.run(
            [*program, "-c", f"{LIBRARY.read_text()}\n{function}"],
            env={"PROC": str(self.directory), "PATH": "/usr/bin:/bin:/usr/sbin:/sbin"},
            capture_output=True,
            text=True,
            timeout=20,
            check=True,
        )
        assert done.stderr == ""
        return done.stdout.strip()


@pytest.fixture
def processes(tmp_path: Path) -> Processes:
    made = Processes(tmp_path)
    made.add(1, "0::/init.scope", started=1, name="systemd")
    made.add(70, f"0::/kubepods/burstable/pod{UID}/{OTHER}", started=500, name="pause")
    return made


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_main_process_is_the_containers_oldest(processes: Processes, shell: str, layout: str) -> None:
    processes.add(300, LAYOUTS[layout], started=2000, name="a child")
    processes.add(4000, LAYOUTS[layout], started=900, name="tricky) name (")
    processes.add(20, LAYOUTS[layout], started=3000, name="exec, pids wrapped")
    assert processes.call(shell, f"main_process {ID}") == "4000"


@pytest.mark.parametrize("shell", SHELLS)
def test_what_only_looks_like_the_container_is_not_taken(processes: Processes, shell: str) -> None:
    slice_ = f"0::/kubepods.slice/kubepods-pod{POD}.slice"
    processes.add(100, f"{slice_}/crio-conmon-{ID}.scope", started=10, name="conmon")
    processes.add(101, f"{slice_}/crio-{ID}f.scope", started=11)
    processes.add(102, f"{slice_}/crio-{OTHER}.scope", started=12)
    processes.add(103, f"{slice_}/crio-{ID}.scope", started=13, state="Z")
    assert not processes.call(shell, f"main_process {ID}")
    processes.add(104, f"{slice_}/crio-{ID}.scope", started=99)
    assert processes.call(shell, f"main_process {ID}") == "104"


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_pods_first_process_is_found_without_its_containers(tmp_path: Path, shell: str, layout: str) -> None:
    processes = Processes(tmp_path)
    processes.add(55, LAYOUTS[layout], started=7)
    processes.add(56, LAYOUTS[layout].replace(UID, "x").replace(POD, "x"), started=1)
    assert processes.call(shell, f"pod_process {UID}") == "55"
    assert not processes.call(shell, "pod_process 11111111-2222-3333-4444-555555555555")


def test_nothing_of_it_is_taken_for_kubernetes_own_syntax() -> None:
    text = LIBRARY.read_text()
    assert "$$" not in text
    # Kubernetes replaces $(NAME) where NAME is a variable of the container; the shell's commands are in lower case.
    assert not re.findall(r"\$\([A-Z]", text)


@pytest.mark.skipif(not shutil.which("dash"), reason="dash, the strictest of the shells, is not here")
def test_the_script_is_posix() -> None:
    assert subprocess.run(["dash", "-n", str(LIBRARY)], check=False, timeout=10).returncode == 0
