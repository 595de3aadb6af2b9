"""An autoscaling Ray cluster of processes on this machine: Ray's own simulation of one.

Ray's class for it, `AutoscalingCluster`, would end every Ray of this machine when it starts.
"""

import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex

import psutil
import yaml

from tests.faults.harness import until
from tests.helpers.environment import environment

RAY = Path(sys.executable).with_name("ray")
STORE = 100 * 2**20  # bytes of a node's object store
HEAD_ID = "f" * 51 + "00000"  # as the simulation names it
# Its name as a kind of provider wants a file that Ray's wheel lacks.
SIMULATION = "ray.autoscaler._private.fake_multi_node.node_provider.FakeMultiNodeProvider"
NOTHING_TO_SET_UP: dict[str, object] = {  # on nodes that are this machine
    "file_mounts": {},
    "file_mounts_sync_continuously": False,
    "cluster_synced_files": [],
    "initialization_commands": [],
    "setup_commands": [],
    "head_setup_commands": [],
    "worker_setup_commands": [],
    "head_start_ray_commands": [],
    "worker_start_ray_commands": [],
}
SETTINGS = {
    "AUTOSCALER_UPDATE_INTERVAL_S": "1",
    "PYTHONUNBUFFERED": "1",
    "RAY_CLOUD_INSTANCE_ID": HEAD_ID,
    "RAY_FAKE_CLUSTER": "1",
    "RAY_agent_register_timeout_ms": "120000",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_OVERRIDE_NODE_ID_FOR_TESTING": HEAD_ID,
    "RAY_enable_autoscaler_v2": "1",  # KubeRay's
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
    """A cluster of a head without CPUs and up to so many nodes, none of them at first.

    Drivers started within find it.
    """
    port = free_port()
    address = f"127.0.0.1:{port}"
    node = {"resources": {"CPU": 2, "GPU": 1, "object_store_memory": STORE}, "node_config": {}}
    config = NOTHING_TO_SET_UP | {
        "cluster_name": "simulated",
        "max_workers": nodes,
        "upscaling_speed": 10.0,
        "idle_timeout_minutes": 0.1,
        "provider": {
            "type": "external",
            "module": SIMULATION,
            "disable_node_updaters": True,
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
    with (
        environment(RAY_AUTH_MODE="token", RAY_AUTH_TOKEN=token_hex(32), RAY_ADDRESS=address),
        tempfile.TemporaryDirectory(prefix="ray-", ignore_cleanup_errors=True) as temp,
    ):
        file, said = Path(temp, "autoscaling.yaml"), Path(temp, "said")
        file.write_text(yaml.safe_dump(config))
        command = [
            *(RAY, "start", "--head", "--block", f"--port={port}", f"--temp-dir={temp}"),
            *("--node-ip-address=127.0.0.1", "--num-cpus=0", f"--object-store-memory={STORE}"),
            *("--include-dashboard=false", f"--autoscaling-config={file}"),
        ]
        alone = {name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"}
        with said.open("w") as out:
            process = subprocess.Popen(command, env=alone | SETTINGS, stdout=out, stderr=out)
        head = psutil.Process(process.pid)
        try:
            until(lambda: "Ray runtime started" in said.read_text())
            yield Autoscaling(address, head)
        finally:
            for each in [head, *_below(head)]:
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
