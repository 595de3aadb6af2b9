"""Pictures for people: UV maps in colour, and contact sheets."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageColor, ImageDraw, ImageFont

GAP, LABEL = 6, 22  # pixels between tiles, and of a label line
SKELETON = 512  # pixels of the longer side on which skeletons are drawn, at least
OPAQUE = 0.65  # of a UV map over its photograph
INK, PAPER = (40, 40, 40), (255, 255, 255)


def uv_picture(uv: np.ndarray) -> np.ndarray:
    """A UV map, (2, H, W) in [-1, 1], as colour, (H, W, 3) uint8; white off the body.

    u runs from blue to yellow and v from dark to light, so that equal body points have equal
    colours in every pose.
    """
    body = np.isfinite(uv[0]) & np.isfinite(uv[1])
    u, v = np.nan_to_num((uv + 1) / 2)
    colour = np.stack([0.15 + 0.8 * u, 0.2 + 0.75 * v, 0.95 - 0.7 * u], axis=-1)
    return np.where(body[..., None], colour * 255, 255).astype(np.uint8)


def skeleton_picture(
    points: np.ndarray, bones: Sequence[tuple[int, int]], height: int, width: int
) -> np.ndarray:
    """A skeleton as coloured lines on white, (height, width, 3) uint8.

    `points` (N, 3) are x, y in pixels and 0 where hidden; 0, 0, 0 where missing. `bones` are the
    points that each line joins.
    """
    side = max(height, width)
    scale = max(1, -(-SKELETON // side))  # lines of small maps would be steps
    picture = Image.new("RGB", (width * scale, height * scale), PAPER)
    draw, thick = ImageDraw.Draw(picture), max(2, side * scale // 90)
    there = np.asarray(points.any(axis=1))
    places = [tuple(place) for place in ((points[:, :2] + 0.5) * scale).tolist()]
    for number, (start, end) in enumerate(bones):
        if there[start] and there[end]:
            colour = ImageColor.getrgb(f"hsl({round(330 * number / len(bones))}, 85%, 45%)")
            draw.line([places[start], places[end]], colour, thick)
    for (x, y), point in zip(places, there, strict=True):
        if point:
            draw.ellipse([x - thick, y - thick, x + thick, y + thick], INK)
    return np.asarray(picture.resize((width, height), Image.Resampling.LANCZOS))


def overlay(photograph: np.ndarray, uv: np.ndarray) -> np.ndarray:
    """A photograph (H, W, 3) uint8 under the colours of its UV map (2, H, W), uint8."""
    body = np.all(np.isfinite(uv), axis=0)[..., None]
    mixed = (1 - OPAQUE) * photograph + OPAQUE * uv_picture(uv)
    return np.where(body, mixed, photograph).astype(np.uint8)


def contact_sheet(
    rows: Sequence[Sequence[np.ndarray]], titles: Sequence[str], tile: int = 192, across: int = 4
) -> np.ndarray:
    """Rows of pictures as one picture: `across` rows side by side, a title over each column.

    Each picture is (H, W, 3) uint8 and is fitted into a square of `tile` pixels.
    Returns (height, width, 3) uint8.
    """
    across = min(across, len(rows))
    columns = len(titles)
    block = columns * (tile + GAP) + 2 * GAP
    down = -(-len(rows) // across)
    sheet = Image.new("RGB", (across * block + GAP, LABEL + down * (tile + GAP) + GAP), PAPER)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(14)
    for a in range(across):
        for c, title in enumerate(titles):
            draw.text((GAP + a * block + c * (tile + GAP), 3), title, INK, font)
    for i, row in enumerate(rows):
        left, top = GAP + (i % across) * block, LABEL + (i // across) * (tile + GAP)
        for c, pixels in enumerate(row):
            sheet.paste(fit(pixels, tile), (left + c * (tile + GAP), top))
    return np.asarray(sheet)


def fit(pixels: np.ndarray, tile: int) -> Image.Image:
    """A picture scaled into a square of `tile` pixels, on paper white."""
    square = Image.new("RGB", (tile, tile), PAPER)
    image = Image.fromarray(pixels)
    scale = tile / max(image.size)
    image = image.resize(
        (max(1, round(image.width * scale)), max(1, round(image.height * scale))),
        Image.Resampling.LANCZOS,
    )
    square.paste(image, ((tile - image.width) // 2, (tile - image.height) // 2))
    return square
