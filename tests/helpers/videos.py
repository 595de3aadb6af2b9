"""Videos that are made as they are needed: every frame differs from all others."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

RATE = 25


def picture(number: int, height: int = 96, width: int = 128) -> np.ndarray:
    """Frame `number` of a video, (H, W, 3) uint8: a square that moves over a gradient."""
    y, x = np.mgrid[:height, :width]
    pixels = np.stack([x + number, 2 * y, np.full_like(x, 5 * number)], axis=-1).astype(np.uint8)
    left = (3 * number) % (width - 20)
    pixels[30:50, left : left + 20] = 255 - pixels[30:50, left : left + 20]
    return pixels


def write_video(
    path: Path,
    frames: int | Sequence[np.ndarray],
    codec: str = "h264",
    pixel_format: str = "yuv420p",
    times: Sequence[int] | None = None,
    turned: tuple[int, bool] = (0, False),
    **options: str,
) -> Path:
    """A video of these frames, or of so many of `picture`, with B-frames where the codec can.

    Its key frames are 12 frames apart. `times` are the frames' times in 1/25 s; `turned` is how
    many degrees to the left the picture is to be shown, and whether mirrored then; `options` are
    the container's.
    """
    pictures = [picture(n) for n in range(frames)] if isinstance(frames, int) else frames
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", options=options) as out:
        stream: Any = out.add_stream(codec, rate=RATE)
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = pixel_format
        stream.codec_context.gop_size, stream.bit_rate = 12, 4_000_000
        if codec in ("h264", "mpeg4"):
            stream.codec_context.max_b_frames = 2
        if turned != (0, False):
            stream.set_display_rotation(*turned)
        for number, pixels in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = times[number] if times else number, Fraction(1, RATE)
            out.mux(stream.encode(frame))
        out.mux(stream.encode())
    return path


def write_sound(path: Path) -> Path:
    """A file of sound alone."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream("aac", rate=16_000)
        silence = np.zeros((1, 1024), np.float32)
        frame = av.AudioFrame.from_ndarray(silence, format="fltp", layout="mono")
        frame.sample_rate, frame.pts = 16_000, 0
        out.mux(stream.encode(frame))
        out.mux(stream.encode())
    return path
