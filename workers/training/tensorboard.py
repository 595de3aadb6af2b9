"""The log as a TensorBoard events file: written whole from the log, so nothing is there twice."""

import tempfile
from pathlib import Path

from tensorboardX import SummaryWriter

EVENTS = "tensorboard/events.out.tfevents.0.reposer"


def events(records: list[dict[str, float]]) -> bytes:
    """The bytes of an events file with every value of every record."""
    with tempfile.TemporaryDirectory() as folder:
        with SummaryWriter(folder) as writer:
            for record in records:
                for name, value in record.items():
                    if name != "step":
                        writer.add_scalar(name, value, int(record["step"]))
        (file,) = Path(folder).iterdir()
        return file.read_bytes()
