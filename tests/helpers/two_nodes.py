"""A Ray cluster of two nodes on this machine, whose dashboard wants a token.

Run as `python -m tests.helpers.two_nodes PORT`, it is the cluster itself, and ends with its stdin:
a process that has used Ray without a token cannot start a cluster with one.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex

from ray.cluster_utils import Cluster

from tests.conftest import ROOT
from tests.faults.clusters import free_port
from tests.helpers.environment import environment

BIN = Path(sys.executable).parent
NODE = {"num_cpus": 1, "object_store_memory": 100 * 2**20}
STARTED = "started\n"
ATTEMPTS = 5
SETTINGS = {
    "PYTHONDONTWRITEBYTECODE": "",  # else Ray's agents are compiled at every start
    "RAY_USAGE_STATS_ENABLED": "0",
    # A busy machine takes longer than Ray waits.
    "RAY_DASHBOARD_STARTUP_TIMEOUT_S": "300",
    "RAY_agent_register_timeout_ms": "300000",
    "RAY_gcs_server_port_wait_time_s": "300",
    "RAY_worker_register_timeout_seconds": "300",
}


@contextmanager
def two_nodes() -> Iterator[str]:
    """The URL of the dashboard. Its token is in the environment of what runs within."""
    port = free_port()
    with (
        environment(RAY_AUTH_MODE="token", RAY_AUTH_TOKEN=token_hex(32)),
        tempfile.TemporaryDirectory(prefix="ray-", ignore_cleanup_errors=True) as temp,
    ):
        # Jobs find `reposer` on the path of their node.
        place = {"RAY_TMPDIR": temp, "PATH": f"{BIN}:{os.environ['PATH']}"}
        process = _started(port, os.environ | SETTINGS | place)
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            process.communicate()


def _started(port: int, variables: dict[str, str]) -> subprocess.Popen[str]:
    """The process of the cluster, once it has started.

    Ray gives a node 30 s to start, and no setting moves that: on a busy machine it may take more
    than one attempt.
    """
    for _ in range(ATTEMPTS):
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.helpers.two_nodes", str(port)],
            cwd=ROOT,
            env=variables,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert process.stdout
        if process.stdout.readline() == STARTED:
            return process
        process.communicate()
    raise TimeoutError(f"the cluster did not start in {ATTEMPTS} attempts")


def main(port: int) -> None:
    """Start the cluster, and end it when stdin ends."""
    dashboard = {"include_dashboard": True, "dashboard_host": "127.0.0.1", "dashboard_port": port}
    cluster = Cluster(initialize_head=True, head_node_args=NODE | dashboard)
    cluster.add_node(wait=False, **NODE)
    print(STARTED, end="", flush=True)
    sys.stdin.read()
    cluster.shutdown()


if __name__ == "__main__":
    main(int(sys.argv[1]))
