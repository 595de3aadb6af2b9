"""What a model card says of how a model was trained."""

import json
from typing import Any

from configs.train import TrainConfig
from workers.data.storage import Store
from workers.model import checkpoint
from workers.training.checkpoints import curves
from workers.training.files import LOG, TRAINING
from workers.training.trainable import F, Trainable, taken, trainable

# The keys of `synthesize` that decide what a world shows.
WORLD = ("items", "views", "size", "seed", "stock", "fabrics", "uv", "uv_noise", "pose_noise")


def origin(config: TrainConfig, identity: dict[str, Any], note: str) -> str:
    """The paragraphs of a model card that say how the model was made; `note` is the training's."""
    kind = trainable(config)
    text = " ".join(filter(None, [_told(kind, identity), note]))
    urls = taken(config)
    if "inpainter" in urls:
        text += _told_of_f(urls["inpainter"])
    return text


def _told(kind: Trainable, identity: dict[str, Any]) -> str:
    config, what = identity["config"], kind.data.what
    data = f"`{kind.command}` on {identity[what]:,} {what}"
    try:
        plan = json.loads(Store(config["catalog"]).read("plan.json"))
        world = {**plan["identity"], **plan["identity"]["config"]}
        if plan["command"] == "synthesize":
            keys = " ".join(f"{key}={world[key]}" for key in WORLD if key in world)
            data += f" of the sample world (`reposer synthesize {keys}`)"
    except (FileNotFoundError, ValueError, KeyError):
        pass  # a catalog from elsewhere
    began = ""
    if config["initial"]:
        sha256 = identity["begins_with"][config["initial"]]
        began = f" It began with the weights of sha256 `{sha256}`."
    return (
        f"Trained by {data}, {config['steps']:,} steps of {config['batch']} {what}, seed "
        f"{config['seed']}.{began} `log.jsonl` and `sheets/` show how it went."
    )


def _told_of_f(url: str) -> str:
    """The paragraphs of g's card about its f, where that was trained here."""
    store = checkpoint(url)
    try:
        decided, log = json.loads(store.read(TRAINING)), store.read(LOG).decode().splitlines()
    except FileNotFoundError:
        return ""
    config = decided["identity"]["config"]
    went = curves([json.loads(line) for line in log], config["batch"])
    return f"\n\nIts f: {_told(F, decided['identity'])} {went}\n\nAnd g:"
