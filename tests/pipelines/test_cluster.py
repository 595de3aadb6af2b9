"""How a run comes to its Ray cluster: named and asked first, or started on this machine."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from configs.run import named_cluster
from pipelines.runs import cluster
from pipelines.runs.cluster import ClusterAwayError, answering
from tests.helpers.catalogs import write_catalog
from tests.helpers.commands import RENDER, reposer
from tests.helpers.marks import needs_root

SMALL_SHM = [
    "unshare",
    "-m",
    "sh",
    "-c",
    'mount -t tmpfs -o size=1m tmpfs /dev/shm && exec "$@"',
    "sh",
]


@contextmanager
def server(answer: bytes) -> Iterator[str]:
    """HOST:PORT of a server on loopback that says one thing, or nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            connection, _ = listening.accept()
            with connection, suppress(ConnectionError):
                connection.sendall(answer)
                while connection.recv(100):
                    pass

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"127.0.0.1:{listening.getsockname()[1]}"
        thread.join()


def dead() -> str:
    """HOST:PORT where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return f"127.0.0.1:{listening.getsockname()[1]}"


def test_the_key_is_asked_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    assert named_cluster(None) is None
    monkeypatch.setenv("RAY_ADDRESS", "head:6379")
    assert named_cluster(None) == "head:6379"
    assert named_cluster("other:6379") == "other:6379"
    assert named_cluster("local") is None


def test_a_head_that_answers_is_taken() -> None:
    with server(
        b"\0\0\6\4\0\0\0\0\0\0\3\x7f\xff\xff\xff"
    ) as address:  # a gRPC server's first frame
        assert answering(address, "RAY_ADDRESS") == address


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1:8265",
        "ray://127.0.0.1:10001",
        "redis://a:6379",
        "a",
        "a:",
        ":1",
        "a:99999",
    ],
)
def test_what_is_no_address_of_a_head_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match=f"^RAY_ADDRESS={address}: .*HOST:PORT"):
        answering(address, "RAY_ADDRESS")


@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"-ERR\r\n"])
def test_a_port_of_something_else_is_told(answer: bytes) -> None:
    with server(answer) as address, pytest.raises(ValueError, match="no Ray cluster's head"):
        answering(address, "ray_address")


def test_a_port_that_says_nothing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "ANSWER_SECONDS", 0.2)
    with server(b"") as address, pytest.raises(ClusterAwayError, match="timed out"):
        answering(address, "ray_address")


@pytest.mark.parametrize("left", [False, True])
def test_auto_without_a_cluster_is_told(
    left: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the record of a cluster that is gone was left."""
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    # As on a machine where no cluster runs: others', the suite's own included, would be found.
    monkeypatch.setattr("ray._private.services.find_gcs_addresses", set)
    if left:
        record = tmp_path / "ray" / "ray_current_cluster"
        record.parent.mkdir()
        record.write_text(dead())
    with pytest.raises(ClusterAwayError, match=r"^RAY_ADDRESS=auto.*: no Ray cluster"):
        answering("auto", "RAY_ADDRESS")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_catalog(f"{tmp_path}/catalog", 2)
    return tmp_path


def test_a_dead_address_ends_a_run_in_one_line(folder: Path) -> None:
    address = dead()
    said = reposer(folder, *RENDER, code=1, RAY_ADDRESS=address)
    assert said.startswith(f"reposer: RAY_ADDRESS={address}: no Ray cluster answers there")
    assert len(said.splitlines()) == 1


def test_a_folder_too_deep_for_sockets_ends_a_run_in_one_line(folder: Path) -> None:
    deep = folder / ("d" * 100)
    deep.mkdir()
    said = reposer(folder, *RENDER, code=2, TMPDIR=str(deep))
    assert said.startswith(f"reposer: TMPDIR={deep}: ")
    assert "RAY_TMPDIR" in said
    assert len(said.splitlines()) == 1


@needs_root
@pytest.mark.slow
@pytest.mark.ray
def test_ray_starts_here_with_little_shared_memory(folder: Path) -> None:
    said = reposer(
        folder,
        *RENDER,
        "execution.ray_address=local",
        wrapper=SMALL_SHM,
        RAY_ADDRESS=dead(),
        PYTHONSAFEPATH="1",
    )
    assert all(line.startswith("render: ") for line in said.splitlines()), said
