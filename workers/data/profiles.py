"""Colour profiles that image files hold: from the colours that they mean to sRGB."""

import functools
import io

import numpy as np
from PIL import Image, ImageCms

SPACES = {"RGB": "RGB", "L": "GRAY", "CMYK": "CMYK"}  # of profiles, by the mode of their images
SRGB = ImageCms.createProfile("sRGB")
SAME = 3  # of 255: sRGB's many profiles differ by less, other spaces by tens
PROFILES = 32  # kept: a catalog's photographs share a few


def in_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """An image of mode RGB, L or CMYK, of the profile's colours -> RGB, in sRGB.

    Without a profile, and with one that cannot be used, pixels are taken for sRGB.
    """
    transform = _transform(profile, image.mode) if profile else None
    return image.convert("RGB") if transform is None else transform.apply(image)


def is_srgb(profile: bytes | None) -> bool:
    """Whether `in_srgb` leaves RGB images of the profile as they are."""
    return profile is None or _transform(profile, "RGB") is None


@functools.lru_cache(PROFILES)
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """To sRGB; None where that changes nothing, and for damaged profiles or other channels'."""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        space: str = source.profile.xcolor_space  # pyright: ignore[reportAttributeAccessIssue]
        if space.strip() != SPACES.get(mode):
            return None
        transform = ImageCms.buildTransform(
            source,
            SRGB,
            mode,
            "RGB",
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
            ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except (ImageCms.PyCMSError, OSError):
        return None
    levels = np.arange(0, 256, 15, dtype=np.uint8)
    cube = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(len(levels), -1, 3)
    colours = Image.fromarray(cube).convert(mode)
    before, after = (np.asarray(i, int) for i in (colours.convert("RGB"), transform.apply(colours)))
    return None if np.abs(after - before).max() <= SAME else transform
