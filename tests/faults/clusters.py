"""An autoscaling Ray cluster of processes on this machine: Ray's own simulation of one."""

import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import yaml

from tests.faults.harness import until

RAY = Path(sys.executable).with_name("ray")
STORE = 100 * 2**20  # bytes of a node's object store
HEAD_ID = "f" * 51 + "00000"  # as the simulation names it
SETTINGS = {
    "AUTOSCALER_UPDATE_INTERVAL_S": "1",
    "RAY_CLOUD_INSTANCE_ID": HEAD_ID,
    "RAY_FAKE_CLUSTER": "1",
    "RAY_OVERRIDE_NODE_ID_FOR_TESTING": HEAD_ID,
    "RAY_enable_autoscaler_v2": "1",  # KubeRay's
}


NOTHING_TO_SET_UP = {  # on nodes that are this machine
    "auth": {},
    "cluster_synced_files": [],
    "file_mounts": {},
    "file_mounts_sync_continuously": False,
    "head_setup_commands": [],
    "head_start_ray_commands": [],
    "initialization_commands": [],
    "setup_commands": [],
    "worker_setup_commands": [],
    "worker_start_ray_commands": [],
}


@dataclass(frozen=True)
class Autoscaling:
    """A cluster that grows by nodes with a pretended GPU, and shrinks when they are idle."""

    address: str
    head: psutil.Process

    def raylets(self) -> list[psutil.Process]:
        """Those of the nodes that the autoscaler has started."""
        monitors = [p for p in _below(self.head) if _runs(p, "monitor.py")]
        return [p for monitor in monitors for p in _below(monitor) if _runs(p, "raylet")]


@contextmanager
def autoscaling(nodes: int) -> Iterator[Autoscaling]:
    """A cluster of a head without CPUs and up to so many nodes, none of them at first."""
    port = free_port()
    address = f"127.0.0.1:{port}"
    node = {"resources": {"CPU": 2, "GPU": 1, "object_store_memory": STORE}, "node_config": {}}
    config = NOTHING_TO_SET_UP | {
        "cluster_name": "simulated",
        "max_workers": nodes,
        "upscaling_speed": 10.0,
        "idle_timeout_minutes": 0.1,
        "provider": {
            "type": "fake_multinode",
            "gcs_address": address,
            "head_node_id": HEAD_ID,
            "launch_multiple": True,
        },
        "head_node_type": "ray.head.default",
        "available_node_types": {
            "ray.head.default": {"resources": {"CPU": 0}, "node_config": {}, "max_workers": 0},
            "gpu": node | {"min_workers": 0, "max_workers": nodes},
        },
    }
    with tempfile.TemporaryDirectory(prefix="ray-", dir="/tmp", ignore_cleanup_errors=True) as temp:
        file = Path(temp, "autoscaling.yaml")
        file.write_text(yaml.safe_dump(config))
        command = [
            *(RAY, "start", "--head", "--block", f"--port={port}", f"--temp-dir={temp}"),
            *("--node-ip-address=127.0.0.1", "--num-cpus=0", f"--object-store-memory={STORE}"),
            *("--include-dashboard=false", f"--autoscaling-config={file}"),
        ]
        said = Path(temp, "said")
        with said.open("w") as out:
            process = subprocess.Popen(
                command, env=os.environ | SETTINGS, stdout=out, stderr=subprocess.STDOUT
            )
        head = psutil.Process(process.pid)
        try:
            until(lambda: "Ray runtime started" in said.read_text())
            yield Autoscaling(address, head)
        finally:
            started = _below(head)
            for each in [head, *started]:
                each.kill()
            process.wait()


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return listening.getsockname()[1]


def _below(process: psutil.Process) -> list[psutil.Process]:
    return process.children(recursive=True)


def _runs(process: psutil.Process, program: str) -> bool:
    try:
        return any(Path(word).name == program for word in process.cmdline()[:3])
    except psutil.Error:
        return False
