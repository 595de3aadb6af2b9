"""What a model card says of how a model was trained."""

import json
from typing import Any

from configs.train import TrainConfig, TrainGeneratorConfig
from models.backbones import BACKBONES
from workers.data.storage import Store
from workers.training.loop import LOG, PLAN, curves


def origin(config: TrainConfig, command: str, identity: dict[str, Any]) -> str:
    """The paragraphs of a model card that say how the model was made."""
    text = _told(command, identity)
    if isinstance(config, TrainGeneratorConfig):
        name = config.backbone.name
        text += (f" Its perceptual, style and nearest-neighbour losses are measured in features of "
                 f"{name} (layers {', '.join(map(str, BACKBONES[name].taps))}): do not judge it by "
                 f"that network.{_told_of_f(config.inpainter)}")  # fmt: skip
    return text


def _told(command: str, identity: dict[str, Any]) -> str:
    config = identity["config"]
    data = f"`{command}` on {identity['pairs']:,} pairs"
    try:
        plan = json.loads(Store(config["catalog"]).read("plan.json"))
        world = plan["identity"]["config"]
        if plan["command"] == "synthesize":
            data += (
                f" of the sample world (`reposer synthesize items={world['items']} "
                f"views={world['views']} size={world['size']} seed={world['seed']} "
                f"stock={world['stock']} fabrics={world.get('fabrics', 'mixed')}`)"
            )
    except (FileNotFoundError, ValueError, KeyError):
        pass  # a catalog from elsewhere
    began = ""
    if config["initial"]:
        sha256 = identity["begins_with"][config["initial"]]
        began = f" It began with the weights of sha256 `{sha256}`."
    return (f"Trained by {data}, {config['steps']:,} steps of {config['batch']} pairs, seed "
            f"{config['seed']}.{began} `log.jsonl` and `sheets/` show how it went.")  # fmt: skip


def _told_of_f(url: str | None) -> str:
    """The paragraphs of g's card about its f, where that was trained here."""
    if url is None:
        return ""
    store = Store(url)
    try:
        plan, log = json.loads(store.read(PLAN)), store.read(LOG).decode().splitlines()
    except FileNotFoundError:
        return ""
    config = plan["identity"]["config"]
    went = curves([json.loads(line) for line in log], config["batch"])
    return f"\n\nIts f: {_told(plan['command'], plan['identity'])} {went}\n\nAnd g:"
