"""How busy the machine is: what limits of time in tests must follow."""

import time

WORK = 0.2  # seconds of a processor


def stretch() -> float:
    """How many times longer than on an idle machine work takes here and now; 1 where it is idle."""
    began, spent = time.monotonic(), time.thread_time()
    while time.thread_time() - spent < WORK:
        pass
    return max(1.0, (time.monotonic() - began) / WORK)
