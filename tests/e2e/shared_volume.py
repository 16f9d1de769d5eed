"""A volume that has a limit of its own and that every node reaches, as network storage would be.

The throwaway cluster's nodes share one kernel: one block device mounted on each of them is one file system.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.e2e.clean import nodes
from tests.e2e.pulumi_stack import kubectl, run

STORAGE_CLASS = "qer-e2e-shared"
SIZE_MIB = 512
_DIRECTORY = "/var/qer-e2e-shared"


@contextmanager
def shared_volume(sandbox: Path, folder: Path) -> Iterator[None]:
    """A StorageClass with one volume in it, for as long as the context lasts; its claim must be gone by then.

    Raises:
        Skipped: this machine has no loop devices, or nothing to make file systems with.
    """
    for tool in ("mkfs.ext4", "losetup"):
        if shutil.which(tool) is None:
            pytest.skip(f"this machine has no {tool}")
    names = [one["metadata"]["name"] for one in nodes()]
    with ExitStack() as undo:
        file = folder / "volume.img"
        with file.open("wb") as image:
            image.truncate(SIZE_MIB * 2**20)
        _must("mkfs.ext4", "-q", "-F", "-m", "0", str(file))
        made = run("losetup", "--find", "--show", str(file))
        if made.status != 0:
            pytest.skip(f"this machine has no loop device: {made.text.strip()}")
        device = made.text.strip()
        undo.callback(_must, "losetup", "--detach", device)
        for name in names:
            node = (str(sandbox), "node", "exec", name)
            _must(*node, "mkdir", "-p", _DIRECTORY)
            _must(*node, "mount", device, _DIRECTORY)
            undo.callback(_must, *node, "umount", _DIRECTORY)
            _must(*node, "mkdir", "-p", f"{_DIRECTORY}/data")
        manifests = folder / "volume.json"
        manifests.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": _manifests(names)}))
        undo.callback(kubectl, "delete", "--wait", "--ignore-not-found", "-f", str(manifests))
        kubectl("apply", "-f", str(manifests))
        yield


def _manifests(names: list[str]) -> list[dict[str, object]]:
    hosts = {"key": "kubernetes.io/hostname", "operator": "In", "values": names}
    return [
        {
            "apiVersion": "storage.k8s.io/v1",
            "kind": "StorageClass",
            "metadata": {"name": STORAGE_CLASS},
            "provisioner": "kubernetes.io/no-provisioner",
            "volumeBindingMode": "WaitForFirstConsumer",
        },
        {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": STORAGE_CLASS},
            "spec": {
                "storageClassName": STORAGE_CLASS,
                "capacity": {"storage": f"{SIZE_MIB}Mi"},
                "accessModes": ["ReadWriteOnce"],
                "persistentVolumeReclaimPolicy": "Retain",
                "local": {"path": f"{_DIRECTORY}/data"},
                "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [hosts]}]}},
            },
        },
    ]


def _must(*command: str) -> None:
    done = run(*command)
    assert done.status == 0, f"{' '.join(command)}: {done.text}"
