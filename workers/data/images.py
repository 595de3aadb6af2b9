"""Image files: photographs -> uint8 RGB pixels, and back; maps -> their numbers, unchanged."""

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

import numpy as np
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError
from PIL.ImageFile import ImageFile
from PIL.TiffImagePlugin import BITSPERSAMPLE, TiffImageFile

from configs.fields import ImageFormat
from workers.data.errors import BadImage, BadUvMap, RowError
from workers.data.profiles import in_srgb, is_srgb
from workers.data.tally import tally

# A closed list: Pillow would hand PostScript to an interpreter. `eval.naming.EXTENSIONS` holds the
# file extensions of these.
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF")
LOSSLESS = ("PNG", "BMP", "TIFF")  # those that keep the numbers of a map
PNG_BITS = 24  # the byte of a PNG that holds its bits a channel

# What a file under an image's name holds when a download failed, or it was never converted.
_OTHERS = {
    b"<!doctype html": "a web page: download it again",
    b"<!DOCTYPE html": "a web page: download it again",
    b"<html": "a web page: download it again",
    b"<Error>": "an answer of a storage server: download it again",
    b"git-lfs.github.com": "a pointer of Git LFS: run `git lfs pull`",
    b"ftyphei": "HEIC, whatever it is called: convert it",
    b"ftypmif1": "HEIC, whatever it is called: convert it",
    b"ftypavif": "AVIF, whatever it is called: convert it",
    b"<svg": "SVG: convert it",
    b"%PDF": "a PDF file: convert it",
}

# `decode` checks its own limit, in the header; Pillow's holds for the whole process.
Image.MAX_IMAGE_PIXELS = None


def decode(data: bytes, max_pixels: int) -> np.ndarray:
    """Bytes of an image file -> its pixels, (H, W, 3) uint8 RGB, upright.

    EXIF orientation is applied, transparency is composed over white, 16 bits are scaled to 8,
    palette, grey and CMYK are converted, and of an animation the first frame is taken. Pixels are
    sRGB: an embedded colour profile of another space is applied.
    Raises BadImage for a file that is no complete image of one of FORMATS, or has more than
    `max_pixels` pixels (as its header says, before pixels are unpacked).
    """
    with open_image(data, max_pixels) as image, _whole(image):
        return np.asarray(_rgb(ImageOps.exif_transpose(image)))


def read_map(data: bytes, max_pixels: int) -> np.ndarray:
    """Bytes of an image file whose pixels are numbers -> the numbers, of 8 or 16 bits.

    (H, W, 3) of a colour image, in RGB order; (H, W) of a grey one; (H, W) indices of a palette.
    Nothing is converted, turned or composed; transparency is dropped.
    Raises BadImage as `decode` does, and BadUvMap for formats that change numbers.
    """
    with open_image(data, max_pixels) as image, _whole(image):
        if image.format not in LOSSLESS:
            raise BadUvMap(f"a map saved as {image.format} has changed labels: save it as PNG")
        pixels = _deep(image, data) if _halved(image, data) else np.asarray(image)
        if pixels.ndim == 2:
            return pixels
        return pixels[..., :3] if pixels.shape[2] > 2 else pixels[..., 0]


@contextmanager
def _whole(image: ImageFile) -> Iterator[None]:
    """Turn any error of unpacking an image's pixels into BadImage."""
    try:
        yield
    except RowError:
        raise
    except Exception as error:  # Pillow raises a dozen types for damaged files
        raise BadImage(f"the {image.format} image is damaged: {_one_line(error)}") from error


def open_image(data: bytes, max_pixels: int) -> ImageFile:
    """Read an image's header, without unpacking pixels; errors as in `decode`."""
    if not data:
        raise BadImage("the image file is empty")
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
    except UnidentifiedImageError:
        found = next((kind for sign, kind in _OTHERS.items() if sign in data[:512]), None)
        about = f"not an image but {found}" if found else "not an image file of a known kind"
        raise BadImage(f"{about} ({', '.join(FORMATS)} wanted)") from None
    except Exception as error:
        raise BadImage(f"the image's header is damaged: {_one_line(error)}") from error
    width, height = image.size
    if width * height > max_pixels:
        image.close()
        raise BadImage(f"the image has {width}x{height} pixels, more than max_pixels={max_pixels}")
    return image


def is_plain(data: bytes) -> bool:
    """Whether `decode` changes nothing: the file is upright 8-bit sRGB, JPEG or PNG."""
    with Image.open(io.BytesIO(data), formats=FORMATS) as image:
        return (
            image.mode == "RGB"
            and not image.has_transparency_data
            and image.getexif().get(ExifTags.Base.Orientation, 1) == 1
            and is_srgb(image.info.get("icc_profile"))
            # Pillow also calls a PNG of 16 bits a channel RGB.
            and (image.format == "JPEG" or (image.format == "PNG" and data[PNG_BITS] == 8))
        )


def encode(pixels: np.ndarray, fmt: ImageFormat, alpha: np.ndarray | None = None) -> bytes:
    """(H, W, 3) uint8 RGB -> the bytes of an image file; `alpha` (H, W) uint8: its opacity.

    JPEG keeps colour at full resolution (4:4:4): subsampled colour bleeds over garment edges.
    """
    return _encoded(Image.fromarray(pixels), fmt, alpha)


def encode_planes(planes: np.ndarray, fmt: ImageFormat, alpha: np.ndarray | None = None) -> bytes:
    """The same of (3, H, W), without sorting the pixels in Python's time."""
    height, width = planes.shape[1:]
    bands = [Image.frombuffer("L", (width, height), plane, "raw", "L", 0, 1) for plane in planes]
    return _encoded(Image.merge("RGB", bands), fmt, alpha)


@tally.stage("encode")
def _encoded(image: Image.Image, fmt: ImageFormat, alpha: np.ndarray | None) -> bytes:
    if alpha is not None:
        image.putalpha(Image.fromarray(alpha))
    match fmt.format:
        case "jpeg":
            # Pillow lets other threads run while it writes a JPEG to a file, not to a BytesIO.
            with _memory_file() as out:
                image.save(out, "JPEG", quality=fmt.quality, subsampling=0)
                out.seek(0)
                return out.read()
        case "webp":
            out = io.BytesIO()
            image.save(out, "WEBP", quality=fmt.quality)
        case "png":
            out = io.BytesIO()
            image.save(out, "PNG")
    return out.getvalue()


def _memory_file() -> IO[bytes]:
    """A file that lies in memory: of the system where it is Linux, else of Python."""
    if sys.platform != "linux":
        return io.BytesIO()
    return os.fdopen(os.memfd_create("image"), "w+b", buffering=0)


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode in ("F", "I"):
        raise BadImage("32 bits a channel have no agreed range: save it with 8 or 16 bits")
    profile = image.info.get("icc_profile")
    if image.mode.startswith("I;16"):  # convert() would clip at 255
        grey = np.rint(np.asarray(image).astype(np.float64) / 257).astype(np.uint8)
        return in_srgb(Image.fromarray(grey), profile)
    grey, plain = image.mode in ("1", "L", "LA", "La"), image.mode in ("L", "RGB", "CMYK")
    colours = in_srgb(image if plain else image.convert("L" if grey else "RGB"), profile)
    if not image.has_transparency_data:
        return colours
    colours.putalpha(image.convert("RGBA").getchannel("A"))
    return Image.alpha_composite(Image.new("RGBA", colours.size, "white"), colours).convert("RGB")


def _halved(image: ImageFile, data: bytes) -> bool:
    """Whether Pillow reads 8 of the file's 16 bits, as it does for all but grey images."""
    if image.mode.startswith("I"):
        return False
    if isinstance(image, TiffImageFile):
        return max(image.tag_v2.get(BITSPERSAMPLE, (1,))) == 16
    return image.format == "PNG" and data[PNG_BITS] == 16


def _deep(image: ImageFile, data: bytes) -> np.ndarray:
    """(H, W, 3) uint16 of a PNG with 16 bits a channel.

    Pillow reads the upper byte of each two; told the other byte order, it reads the lower.
    """
    (tile,) = image.tile
    if tile.args not in ("RGB;16B", "RGBA;16B"):
        raise BadUvMap("of 16 bits a channel, maps are read as PNG of RGB or grey: save it so")
    upper = np.asarray(image).astype(np.uint16)
    with Image.open(io.BytesIO(data)) as turned:
        turned.tile = [tile._replace(args=tile.args.replace("16B", "16L"))]
        return upper * 256 + np.asarray(turned)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
