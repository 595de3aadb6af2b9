"""The process of a supervised worker: `python -m workers.shards.child DESCRIPTOR PARENT`.

Receives a function that makes a worker, then lists of keys; sends each row when it is made.
"""

import ctypes
import os
import pickle
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

from workers.data.retrying import retry_policy
from workers.data.tally import tally
from workers.shards.shard import WorkerLost

PR_SET_PDEATHSIG = 1
PULSE_SECONDS = 0.25


def main(descriptor: int, parent: int) -> None:
    """Work until the supervisor hangs up."""
    _end_with(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the supervisor handles it
    connection, sending = Connection(descriptor), threading.Lock()

    def send(kind: str, value: Any) -> None:
        with sending:  # threads that load images may report that they wait for the storage
            connection.send((kind, value))

    threading.Thread(target=_pulse, args=[send], daemon=True).start()
    try:
        make_worker, wait_seconds = connection.recv()
        retry_policy.outlast_outages(wait_seconds, lambda message: send("waiting", message))
        worker = make_worker()
        send("ready", None)
        while True:
            keys = connection.recv()
            tally.take()
            for rows in worker(keys):
                send("rows", rows)
            send("counted", tally.take())
            send("done", None)
    except EOFError:
        return
    except WorkerLost as error:
        send("lost", (error.kind, str(error)))
    except Exception as error:
        if not isinstance(error, ValueError | OSError):
            traceback.print_exc()
        send("raised", _portable(error))


def _pulse(send: Callable[[str, Any], None]) -> None:
    """Report, as long as a request is under way, that the worker waits for the storage."""
    while True:
        time.sleep(PULSE_SECONDS)
        if retry_policy.requests:
            send("waiting", None)


def _end_with(parent: int) -> None:
    """End with the supervisor (on Linux at once, elsewhere when its connection closes)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit("the supervisor is gone")


def _portable(error: Exception) -> Exception:
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:  # exceptions with arguments of their own often do not pickle
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
