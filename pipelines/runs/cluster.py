"""Joins the Ray cluster that was named, if it answers, or starts one on this machine."""

import os
import socket
from contextlib import chdir
from pathlib import Path

import ray

from configs.run import Placement, named_cluster

ROOT = Path(__file__).parent.parent.parent
ANSWER_SECONDS = 4.0
# An HTTP/2 client's first words (RFC 9113, 3.4), with an empty SETTINGS frame; the server answers
# with one, too, whose fourth byte says so.
HELLO = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
SETTINGS = 4


class ClusterAwayError(OSError):
    """No Ray cluster answers; the message is one line."""


def start_ray(ray_address: str | None) -> None:
    """Connect this process to a Ray cluster, or start one on this machine, unless that is done.

    Raises ValueError for what is no address, and for a temporary folder that Ray cannot use;
    ClusterAwayError when no cluster answers within seconds.
    """
    if ray.is_initialized():
        return
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    if address := named_cluster(ray_address):
        address = answering(address, "execution.ray_address" if ray_address else "RAY_ADDRESS")
    try:
        # Ray puts the current folder first on its workers' path: packages that a person has there
        # (`models`, `utils`, `lpips`) would hide those that are meant.
        with chdir(ROOT):
            # "local": without an address Ray would join the cluster that was last started here.
            ray.init(
                address=address or "local",
                include_dashboard=None if address else False,
                logging_config=ray.LoggingConfig(log_level="ERROR"),  # for Ray's own processes
                log_to_driver=True,
            )
    except OSError as error:
        if "AF_UNIX" not in str(error):
            raise
        variable = "RAY_TMPDIR" if "RAY_TMPDIR" in os.environ else "TMPDIR"
        raise ValueError(
            f"{variable}={os.environ.get(variable)}: this folder's name is too long for Ray's "
            "sockets; set RAY_TMPDIR to a short one, such as /tmp"
        ) from None


def gpu_share(placement: Placement) -> float:
    """The share of a GPU that each worker takes, once Ray is started; 0 for workers on CPUs.

    A named cluster need not hold GPUs yet where a share is given: workers that wait for them make
    an autoscaling cluster grow.
    """
    given, named = placement.gpus_per_worker, named_cluster(placement.ray_address)
    if (given and named) or ray.cluster_resources().get("GPU"):
        return given or 1.0
    return 0.0


def answering(address: str, key: str) -> str:
    """HOST:PORT of the cluster that answers at an address; Ray itself would try for minutes.

    `key` is the name of the setting that holds the address. Raises as `start_ray` does.
    """
    said = f"{key}={address}"
    if "://" in address:
        raise ValueError(
            f"{said}: give HOST:PORT of the cluster's head (its port is 6379 unless it was started "
            "with another), on a machine of the cluster; elsewhere, send the command there with "
            "`ray job submit`"
        )
    if address == "auto":
        # Ray has no public call that tells which cluster it means by "auto": `ray.init` does not
        # say it before it has connected, and tries for minutes where a crashed cluster left its
        # address behind. Imported here, so that only "auto" depends on it.
        from ray._private.services import canonicalize_bootstrap_address

        try:
            address = canonicalize_bootstrap_address(address) or ""
        except ConnectionError:
            raise ClusterAwayError(
                f"{said}: no Ray cluster runs on this machine; start one with `ray start --head`, "
                "or leave the address out"
            ) from None
        said = f"{said} ({address})"
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 2**16:
        raise ValueError(f"{said}: HOST:PORT is wanted, auto or local")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), ANSWER_SECONDS) as connection:
            speaks = os.environ.get("RAY_USE_TLS", "0") == "1" or _speaks_http2(connection)
    except OSError as error:
        raise ClusterAwayError(
            f"{said}: no Ray cluster answers there ({error.strerror or error}); start it, or leave "
            "the address out to use this machine alone"
        ) from None
    if not speaks:
        raise ValueError(
            f"{said}: what answers there is no Ray cluster's head, whose port is 6379 unless it "
            "was started with another"
        )
    return address


def _speaks_http2(connection: socket.socket) -> bool:
    """Whether the other side answers as a gRPC server does; a cluster's head is one."""
    connection.sendall(HELLO)
    answer = b""
    while len(answer) < SETTINGS and (part := connection.recv(SETTINGS - len(answer))):
        answer += part
    return answer[3:] == bytes([SETTINGS])
