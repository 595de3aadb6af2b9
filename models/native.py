"""Pictures of the photograph's own size from networks that see small copies.

Coordinates say where in the photograph each pixel's colour lies. So f and g run on copies, and the
cloth is read from the photograph itself, at any size.
"""

import hashlib
from dataclasses import replace
from operator import itemgetter
from typing import NamedTuple

import numpy as np
import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor
from torch.nn import functional as F

from models.config import ModelConfig
from models.coordinates import CONVENTIONS, body_mask
from models.generator import Painted, shown
from models.hidden import uncovered
from models.maps import Source, Target, Texture, each
from models.reposer import CoordinateReposer, gather
from models.revealed import Clothes, laid_over
from models.sizes import (
    Size,
    moved,
    of_longer_side,
    resized,
    resized_uv,
    shrunk,
    shrunk_within,
    size_of,
    smoothed,
)
from models.texture import extended, nearest, seen_coordinates, warped_coordinates

VERSION = "native-1"  # change it whenever pixels change
SIDE = 256  # pixels of the longer side of what the networks see, at most
TEXELS = 1024  # a side of the texture, at most
RIM = 2  # pixels of the body's edge that nothing is read from: they are half background
# How far, as a share of the sheet's side, what f gets wrong at a seen texel tells of its error
# beside it.
FADE = 24 / 512
# Where f and the photograph disagree by more (of [-1, 1]), f means another place.
OTHER_PLACE = 0.15
CUT = 1.5  # texels over which D passes from one place to the other
SOFT = 0.1  # how much of each neighbour a pixel of the body's edge takes


class Encoded(NamedTuple):
    """One source, encoded; tensors have batch size 1."""

    body: Tensor  # (1, 3, H, W): the photograph, its body continued beyond its edge
    coordinates: Tensor  # D (1, 2, t, t), points of the photograph at its own size
    copy: Size  # the size at which the networks saw it
    of_g: list[Tensor]  # what g needs of it


def reads_cloth(config: ModelConfig) -> bool:
    """Whether a model says where cloth lies (coordinates), and where it shows (blend)."""
    aligned = CONVENTIONS[config.convention].corner_aligned
    return config.blend and config.form.completes == "coordinates" and aligned


class NativeReposer:
    """Renders of the target's size, whatever it is; a `models.reposer.Reposer`.

    `networks` must be of a model that `reads_cloth`; `side` is the longer side, in pixels, of the
    copies that they see. Photographs and targets may have any size.
    """

    def __init__(self, networks: CoordinateReposer, side: int = SIDE):
        self.networks, self.side = networks, side
        self.name, self.layout = networks.name, networks.layout
        self.device, self.same_size = networks.device, networks.same_size
        self.reveals = networks.reveals
        self.sha256 = hashlib.sha256(f"{VERSION} {side} {networks.sha256}".encode()).hexdigest()
        # f's own answer for all texels, right or wrong: it joins at what is seen.
        self._config = replace(networks.config, keep_seen=False)

    @torch.inference_mode()
    def encode(self, source: Source) -> list[Encoded]:
        """Run f and g's source encoder on copies, and refine D; see `Reposer`."""
        source = each(source, lambda x: x.to(self.device))
        encoded = []
        for at in self.networks.batches(len(source.uv)):
            part = self.networks.clothed(each(source, itemgetter(at)))
            copy = self._copy(part)
            answer = self.networks.completed(self._config, copy).coordinates
            D, known = refined(answer, size_of(copy.uv), part.uv)
            body = body_beyond_edge(part)
            D = uncovered(D, known, part.uv, body, self.layout)
            maps = [body, D, *self.networks.features(copy)]
            for body, D, *of_g in zip(*(x.split(1) for x in maps), strict=True):
                encoded.append(Encoded(body, D, size_of(copy.uv), of_g))
        return encoded

    @torch.inference_mode()
    def render(self, state: list[Encoded], source_index: list[int], target: Target) -> Tensor:
        """Read the photographs at E, and let g paint copies; see `Reposer`."""
        target = each(target, lambda x: x.to(self.device))
        images = []
        for at in self.networks.batches(len(source_index)):
            sources, part = [state[i] for i in source_index[at]], each(target, itemgetter(at))
            M_N = part.uv
            body = gather([s.body for s in sources])
            D = gather([s.coordinates for s in sources])
            E = warped_coordinates(D, M_N) * body_mask(M_N)
            W = read(body, E)
            copy = resized(part, self._size(M_N))
            of_copies = Texture(W, moved(E, size_of(body), sources[0].copy))
            seen = networks_view(of_copies, M_N, copy.uv)
            of_g = [gather(level) for level in zip(*(s.of_g for s in sources), strict=True)]
            painted, small_W = self.networks.paint(of_g, seen, copy)
            images.append(composed(painted, small_W, copy, W, part, self.networks.clothes))
        return torch.cat(images)

    def _copy(self, source: Source) -> Source:
        size = self._size(source.uv)
        return Source(shrunk(source.photograph, size), resized_uv(source.uv, size))

    def _size(self, image: Tensor) -> Size:
        size = size_of(image)
        return of_longer_side(size, min(self.side, max(size)))


def body_beyond_edge(source: Source) -> Tensor:
    """The photograph (B, 3, H, W), its body continued beyond its edge."""
    return extended(source.photograph, eroded(body_mask(source.uv), RIM))


def eroded(mask: Tensor, pixels: int) -> Tensor:
    """A mask (B, 1, H, W) of 0 and 1 without what is within `pixels` of its outside."""
    return 1 - F.max_pool2d(1 - mask, 2 * pixels + 1, stride=1, padding=pixels)


def refined(D: Tensor, copy: Size, M_S: Tensor) -> tuple[Tensor, Tensor]:
    """f's D (B, 2, t, t), points of a copy, as points of the photograph, exact where it is seen.

    Beside seen texels f errs much as it does there: its error is taken off, and fades.
    Returns it, (B, 2, T, T), and the mask (B, 1, T, T) of what is seen.
    """
    size = size_of(M_S)
    texels = max(min(max(size) // 2, TEXELS), D.shape[-1])
    D = F.interpolate(moved(D, copy, size), (texels, texels), mode="bilinear", align_corners=True)
    C, known = seen_coordinates(M_S, texels, RIM)
    errors, seen = (C - D).cpu().numpy(), known[:, 0].cpu().numpy() > 0
    carried = [_carried(error, there) for error, there in zip(errors, seen, strict=True)]
    D = D + torch.from_numpy(np.stack(carried)).to(D.device)
    return torch.where(known > 0, C, D), known


def _carried(error: np.ndarray, known: np.ndarray) -> np.ndarray:
    """f's error (2, t, t) at known texels (t, t), carried on beside them, fading."""
    if not known.any():
        return np.zeros_like(error)
    here = nearest(known)
    error = error[:, *here]
    fade = np.where(np.abs(error).max(axis=0) < OTHER_PLACE, FADE * len(known), CUT)
    distance = np.hypot(*(here - np.indices(known.shape)))
    smooth = gaussian_filter(error, (0, CUT, CUT))
    return (smooth * np.exp(-((distance / fade) ** 2))).astype(np.float32)


def read(body: Tensor, E: Tensor) -> Tensor:
    """W (B, 3, h, w): the photograph's body (B, 3, H, W), read at E by bicubic interpolation."""
    grid = E.permute(0, 2, 3, 1)
    W = F.grid_sample(body, grid, mode="bicubic", padding_mode="border", align_corners=True)
    return W.clamp(0, 1)


def networks_view(W_and_E: Texture, M_N: Tensor, copy: Tensor) -> Texture:
    """The copies of W and E that g sees: their means over the body, 0 off it.

    `copy` (B, 2, h, w) is M_N as g sees it.
    """
    return each(
        W_and_E, lambda x: shrunk_within(x, body_mask(M_N), size_of(copy)) * body_mask(copy)
    )


def composed(
    painted: Painted,
    small_W: Tensor,
    copy: Target,
    W: Tensor,
    target: Target,
    clothes: Clothes | None,
) -> Tensor:
    """The new view (B, 3, H, W): g's view of a copy brought up, and W over it by g's share.

    Body and background are brought up apart, each continued beyond the body's edge, and meet at
    the edge that M_N has at its own size. With `clothes` W is theirs, and N' lies over all.
    """
    M_N, small_M_N = target.uv, copy.uv
    worn, small_worn = (clothes.uv(uv) if clothes else uv for uv in (M_N, small_M_N))
    N = shown(painted, small_W, small_worn)
    if N.shape == W.shape:
        return laid_over(N, target.revealed, painted.staying) if clothes else N
    mask, size = body_mask(M_N), size_of(M_N)
    cover = shrunk(mask, size_of(N))
    background, body = (
        F.interpolate(extended(N, whole.to(N.dtype)), size, mode="bicubic", align_corners=False)
        for whole in (cover < 0.01, cover > 0.99)
    )
    view = torch.lerp(background, body, smoothed(mask, SOFT))
    mask = body_mask(worn)
    edge = smoothed(mask, SOFT)
    cloth = torch.where(mask > 0, W, smoothed(W * mask, SOFT) / edge.clamp(min=1e-6))
    view = torch.lerp(view, cloth, brought_up(painted.share, body_mask(small_worn), size) * edge)
    if clothes:
        stays = (copy.revealed[:, 3:] > 0.5).to(N.dtype)
        view = laid_over(view, target.revealed, brought_up(painted.staying, stays, size))
    return view.clamp(0, 1)


def brought_up(share: Tensor, mask: Tensor, size: Size) -> Tensor:
    """g's share (B, 1, h, w) of what is known at full size, from where it has one to that size.

    g learned how much of a small picture to show, which is hardly sharper than what g paints. Here
    it is: of what g kept for itself, it keeps a square.
    """
    share = extended(1 - (1 - share).square(), mask)
    return F.interpolate(share, size, mode="bilinear", align_corners=False)
