"""The files of a training."""

TRAINING = "training.json"  # what decides it
LOG = "log.jsonl"
SHEETS = "sheets"
CHECKPOINTS = "checkpoints"


def checkpoint_file(step: int) -> str:
    """The name of the checkpoint that is taken after a step."""
    return f"{CHECKPOINTS}/{step:08d}.pt"


def step_of(checkpoint: str) -> int:
    """The step after which a checkpoint was taken, by its name."""
    return int(checkpoint.rpartition("/")[2].removesuffix(".pt"))
