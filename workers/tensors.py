"""Views of a catalog as the tensors that models take.

Photographs stay bytes, and UV maps that are read as stored stay 16 bits, until they are on the
model's device: a quarter and half of what floats take on the bus.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from models.maps import Maps, Source
from models.uv_maps import dequantised
from workers.data.catalog import Catalog
from workers.data.views import View

Upload = Callable[[np.ndarray], Tensor]  # to the device of a model


def stored(
    catalog: Catalog, image_id: str, kind: type[Maps], layout: str, reveals: bool = False
) -> View:
    """The maps of an image that a `Source` or `Target` names, its UV map as stored, uint16.

    Where a model `reveals`, of a target's photograph what stays, and a source's clothes alone.
    """
    uv = "clothes_uv" if reveals and kind is Source else "stored_uv"
    fields = (name for name in kind._fields if reveals or name != "revealed")
    names = {name: uv if name == "uv" else name for name in fields}
    view = catalog.view(image_id, names.values(), layout)
    return {name: view[there] for name, there in names.items()}


def stacked(kind: type[Maps], views: Sequence[View], upload: Upload = torch.from_numpy) -> Maps:
    """Views of one size as a batch: the maps that a `Source` or `Target` names, float32.

    Their UV maps are floats, or as they are stored.
    """
    names = (name for name in kind._fields if name in views[0])
    return kind(**{n: _tensor(n, [view[n] for view in views], upload) for n in names})


def photographs(views: Sequence[View]) -> Tensor:
    """The photographs of views of one size, (B, 3, H, W) RGB in [0, 1]."""
    return _tensor("photograph", [view["photograph"] for view in views], torch.from_numpy)


def _tensor(name: str, arrays: Sequence[np.ndarray], upload: Upload) -> Tensor:
    x = upload(np.stack(arrays))
    if name in ("photograph", "revealed"):
        return x.permute(0, 3, 1, 2).float() / 255
    return dequantised(x) if x.dtype == torch.uint16 else x
