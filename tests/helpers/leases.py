"""A process that takes leases: `python -m tests.helpers.leases SECONDS SKEW URL...`.

Says "ready", waits for a line, tries each URL in turn, and says a line a URL: "held" or the
refusal. Holds what it got until another line comes, then says how each holding ended.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from pipelines.runs.lease import LeaseLost, LeaseTaken, held
from workers.data.storage import Store


class Contender:
    """The process, seen from a test; tells it to go on and reads what it says."""

    def __init__(self, urls: list[str], seconds: float, skew: float):
        command = [sys.executable, "-m", "tests.helpers.leases", str(seconds), str(skew), *urls]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.urls = urls

    def says(self) -> str:
        assert self.process.stdout
        return self.process.stdout.readline().strip()

    def go_on(self) -> None:
        assert self.process.stdin
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def tries(self) -> list[str]:
        """What each URL's try came to."""
        return [self.says() for _ in self.urls]

    def send(self, number: signal.Signals) -> None:
        os.kill(self.process.pid, number)


@contextmanager
def contenders(
    count: int, urls: list[str], seconds: float, skew: float
) -> Iterator[list[Contender]]:
    """Processes ready to try; ended at the end."""
    made = [Contender(urls, seconds, skew) for _ in range(count)]
    try:
        for contender in made:
            assert contender.says() == "ready"
        yield made
    finally:
        for contender in made:
            contender.process.kill()
            contender.process.communicate()


def main(seconds: str, skew: str, *urls: str) -> None:
    stores = [Store(url) for url in urls]
    print("ready", flush=True)
    sys.stdin.readline()
    stacks = []
    for store in stores:
        stack = ExitStack()
        try:
            stack.enter_context(held(store, "contender", float(seconds), float(skew)))
            stacks.append(stack)
            print("held", flush=True)
        except LeaseTaken as taken:
            print(taken, flush=True)
    sys.stdin.readline()
    for stack in stacks:
        try:
            stack.close()
            print("released", flush=True)
        except LeaseLost as lost:
            print(lost, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
