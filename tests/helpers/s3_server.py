"""A real S3 server for tests: SeaweedFS, on loopback, in a folder."""

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.helpers.environment import environment

SERVICES = ("master", "volume", "filer", "s3", "admin")
BUCKET = "reposer-test"


class SeaweedFS:
    """A server that can be killed, and started again on its folder and ports."""

    def __init__(self, folder: Path):
        self.folder = folder
        ports = dict(
            zip((s + g for s in SERVICES for g in ("", ".grpc")), _free_ports(10), strict=True)
        )
        self.flags = [
            f"-{name.replace('.grpc', '')}.port{'.grpc' * ('.grpc' in name)}={port}"
            for name, port in ports.items()
        ]
        self.environment = {
            "AWS_ACCESS_KEY_ID": "reposer",
            "AWS_SECRET_ACCESS_KEY": "reposer-secret",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{ports['s3']}",
        }
        self.url = f"s3://{BUCKET}"

    @property
    def endpoint(self) -> str:
        """Where it listens."""
        return self.environment["AWS_ENDPOINT_URL"]

    def start(self) -> None:
        """Start it, and wait until it answers."""
        command = [
            str(Path(sys.executable).parent / "weed"),
            "mini",
            f"-dir={self.folder}",
            "-ip=127.0.0.1",
            "-ip.bind=127.0.0.1",
            f"-bucket={BUCKET}",
            *self.flags,
            "-admin.ui=false",
            "-webdav=false",
            "-s3.port.iceberg=0",
            "-s3.port.lance=0",
            "-master.telemetry=false",
        ]
        limits = {"GOMEMLIMIT": "300MiB", "GOGC": "50"}
        with (self.folder / "weed.log").open("ab") as log:
            self.process = subprocess.Popen(
                command,
                stdout=log,
                stderr=log,
                env=os.environ | self.environment | limits,
                cwd=self.folder,
            )
        _wait(self.endpoint, self.process)

    def kill(self) -> None:
        """SIGKILL."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        """Stop it as a person would."""
        self.process.terminate()
        self.process.wait(20)


@contextmanager
def seaweedfs(folder: Path) -> Iterator[str]:
    """Run a server; sets AWS_* for this process and its children. Yields the bucket's URL."""
    server = SeaweedFS(folder)
    with environment(**server.environment):
        server.start()
        try:
            yield server.url
        finally:
            server.stop()


def _wait(url: str, server: subprocess.Popen) -> None:
    for _ in range(200):
        if server.poll() is not None:
            raise RuntimeError(f"weed ended with {server.returncode}")
        try:
            urllib.request.urlopen(f"{url}/{BUCKET}", timeout=1)
        except urllib.error.HTTPError as error:
            if error.code == 403:  # it is up, and wants credentials
                return
        except OSError:
            pass
        time.sleep(0.1)
    raise RuntimeError("weed did not come up in 20 s")


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for s in sockets:
        s.bind(("127.0.0.1", 0))
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports
