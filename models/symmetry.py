"""A completer that needs no training: the unseen side of a body looks like the seen one.

It stands in for both networks: f's D comes from left/right symmetry, from the body's other side
and from nearest texels, and the image is the photograph read through it, with nothing painted over.
"""

import hashlib
from typing import NamedTuple

import numpy as np
import torch
from scipy.ndimage import binary_closing, distance_transform_edt, find_objects, label
from torch import Tensor

from models.coordinates import CONSISTENT, body_mask, sample
from models.layouts import LAYOUTS, mirror_map
from models.lookup import rebuild_lookup
from models.maps import Source, Target, each
from models.revealed import Clothes, laid_over
from models.texture import nearest, seen_coordinates, warped_coordinates

VERSION = "symmetry-1"  # change it whenever pixels change
TEXTURE_SIZE = 256  # texels a side
NATIVE_TEXTURE_SIZE = 512  # for photographs of about 1,000 pixels
# DensePose's bodies are a little too large, so their outermost pixels show the background.
# This share of the photograph's longer side is taken off before anything is copied from it.
RIM = 0.01
# A share of the sheet's side: nearer to what is seen, this is a better guess than the body's other
# side.
SEAM = 3 / 256
# On a layout's sparse sheet, half of the widest gap between texels that pixels beside each other
# show. What lies in it is seen, too: its mirror would be the other side of the face.
GAP = 4 / 256


class Completed(NamedTuple):
    """Encoded sources."""

    photograph: Tensor  # S (B, 3, H, W)
    coordinates: Tensor  # D (B, 2, t, t)


class Counterpart(NamedTuple):
    """Where each texel's counterpart on the sheet lies."""

    place: np.ndarray  # (2, t, t) int64: x and y in texels
    exists: np.ndarray  # (t, t) bool


class SymmetryReposer:
    """Renders without weights; a `models.reposer.Reposer`.

    `lookup` (models.lookup) is for layout smpl, where it is rebuilt if not given (ValueError
    if that cannot be); `opposite` (2, t, t) tells of each texel where the other of front and back
    lies, as `models.layouts.mirror_map` does of left and right; `background` is the RGB, 0-255, of
    pixels off the body; `texture_size` is t. With `reveals` N' is laid over the clothes, which
    go on where it lacks a part of head or hands.
    """

    name, same_size = "symmetry", False

    def __init__(
        self,
        layout: str,
        device: torch.device,
        lookup: np.ndarray | None = None,
        opposite: np.ndarray | None = None,
        background: tuple[int, int, int] = (255, 255, 255),
        texture_size: int = TEXTURE_SIZE,
        reveals: bool = False,
    ):
        self.layout = layout
        self.texture_size = texture_size
        self.device = device
        self.reveals, self.clothes = reveals, Clothes(layout, lookup, device) if reveals else None
        if lookup is None and LAYOUTS[layout].mirror == "charts":
            lookup = rebuild_lookup()
        self.mirror = _counterpart(mirror_map(LAYOUTS[layout], texture_size, lookup))
        self.opposite = None if opposite is None else _counterpart(opposite)
        self.islands = np.empty(self.mirror.exists.shape, np.int32)  # numbered from 1
        label(self.mirror.exists, output=self.islands)
        self.background = torch.tensor(background, device=device).view(1, 3, 1, 1) / 255
        definition = hashlib.sha256(f"{VERSION} {layout} {background}".encode())
        for table in filter(None, (self.mirror, self.opposite)):
            definition.update(table.place.astype("<i2").tobytes() + table.exists.tobytes())
        self.gap = round(GAP * texture_size) if LAYOUTS[layout].sparse else 0
        if self.gap:
            definition.update(b"gaps")
        if reveals:
            definition.update(b"reveals")
        self.sha256 = definition.hexdigest()

    @torch.inference_mode()
    def encode(self, source: Source) -> Completed:
        """Complete the sources' coordinate maps; see `Reposer`."""
        source = each(source, lambda x: x.to(self.device))
        S, M_S = self.clothes.of(source) if self.clothes else source
        C, known = seen_coordinates(M_S, self.texture_size, round(RIM * max(M_S.shape[-2:])))
        known = known[:, 0] > 0
        D = [
            self._complete(c, k) for c, k in zip(C.cpu().numpy(), known.cpu().numpy(), strict=True)
        ]
        return Completed(S, torch.from_numpy(np.stack(D)).to(self.device))

    @torch.inference_mode()
    def render(self, state: Completed, source_index: list[int], target: Target) -> Tensor:
        """Read the photographs at E; see `Reposer`.

        S is sampled at E, not T at M_N: a photograph larger than the texture keeps its detail.
        """
        target = each(target, lambda x: x.to(self.device))
        M_N = target.uv
        E = warped_coordinates(state.coordinates[source_index], M_N)
        image = sample(state.photograph[source_index], E, CONSISTENT)
        image = torch.where(body_mask(M_N) > 0, image, self.background)
        return laid_over(image, target.revealed) if self.clothes else image

    def _complete(self, C: np.ndarray, known: np.ndarray) -> np.ndarray:
        """C (2, t, t) where `known` (t, t) -> D (2, t, t), known everywhere.

        An unknown texel takes the coordinate of its left/right mirror, where that is known and the
        texel does not lie in a gap between known ones, else of the body's other side (the back
        wears the front's garment), else of the nearest texel that has one by now: of the same
        island of the sheet if that has any (an unseen shin then continues the thigh, not the face
        beside it).
        """
        (x, y), mirrored = self.mirror
        apart = ~binary_closing(known, iterations=self.gap) if self.gap else ~known
        copied = ~known & apart & mirrored & known[y, x]
        D, filled = np.where(copied, C[:, y, x], C), known | copied
        if self.opposite is not None:
            (x, y), exists = self.opposite
            far = np.asarray(distance_transform_edt(~filled)) > SEAM * len(filled)
            copied = far & exists & filled[y, x]
            D, filled = np.where(copied, D[:, y, x], D), filled | copied
        if not filled.any():
            return D  # nobody to be seen: the middle of the photograph
        everywhere = D[:, *nearest(filled)]
        for number, box in enumerate(find_objects(self.islands), start=1):
            island = self.islands[box] == number
            usable = filled[box] & island
            if usable.any():
                view = everywhere[:, *box]  # written through
                view[:, island] = D[:, *box][:, *nearest(usable)][:, island]
        return everywhere


def _counterpart(place: np.ndarray) -> Counterpart:
    """Of a table (2, t, t) that has NaN where there is none."""
    exists = ~np.isnan(place[0])
    return Counterpart(np.rint(np.where(exists, place, 0)).astype(np.int64), exists)
