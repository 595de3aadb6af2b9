"""Made-up photographs."""

import numpy as np
from PIL import Image


def pictures(seed: int, count: int, height: int, width: int, contrast: float = 1) -> np.ndarray:
    """Blobs with noise, of which some are flat, saturated or of low contrast."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width] / max(height, width)
    centre, scale = rng.random((2, count, 1, 1, 3)), rng.uniform(20, 300, (count, 1, 1, 3))
    blobs = np.exp(-scale * ((x[..., None] - centre[0]) ** 2 + (y[..., None] - centre[1]) ** 2))
    noise = rng.normal(0, 0.1, (count, height, width, 3)) * (rng.random((count, 1, 1, 1)) < 0.7)
    level = rng.uniform(-0.2, 1.2, (count, 1, 1, 3))
    return (np.clip(level + contrast * (blobs + noise), 0, 1) * 255).astype(np.uint8)


def on_white(image: np.ndarray, person: np.ndarray) -> np.ndarray:
    """Pillow's: the image where the person is, white elsewhere."""
    white = Image.new("RGB", image.shape[1::-1], "white")
    return np.array(Image.composite(Image.fromarray(image), white, Image.fromarray(person)))
