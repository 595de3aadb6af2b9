"""What stays of a person who is dressed in other clothes."""

import numpy as np
import torch

from models.revealed import Clothes
from models.uv_maps import dequantise
from world.labels import HEAD_AND_HANDS, PERSON, SKIN

UNTOLD = (SKIN, PERSON)  # labels that do not say which part of the body it is


def clothes_alone(stored_uv: np.ndarray, clothes: Clothes, labels: np.ndarray) -> np.ndarray:
    """A UV map as it is stored, (2, H, W), undefined where hair or hands hide clothes.

    So the labels say, (H, W), in places that the map does not give to head or hands.
    """
    hidden = np.isin(labels, HEAD_AND_HANDS) & ~staying(stored_uv, clothes, None)
    return np.where(hidden, 0, stored_uv)


def staying(stored_uv: np.ndarray, clothes: Clothes, labels: np.ndarray | None) -> np.ndarray:
    """Where head and hands are, bool (H, W), of a UV map as it is stored, (2, H, W) uint16.

    `labels` (H, W), codes of `world.labels`, know hair, hats and glasses off the body, and decide
    where they name a part: a hood is not the head. Most parsers know no hands, nor does the label
    skin: there the UV map decides.
    """
    on_map = clothes.stays(torch.from_numpy(dequantise(stored_uv))[None])[0, 0].numpy()
    if labels is None:
        return on_map
    return np.where(np.isin(labels, UNTOLD), on_map, np.isin(labels, HEAD_AND_HANDS))
