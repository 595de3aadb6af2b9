"""Photographs: any file a catalog may hold -> uint8 RGB pixels, and back."""

import io

import numpy as np
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from configs.schema import ImageFormat
from workers.errors import BadImage

# A closed list: Pillow would hand PostScript to an interpreter.
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF")

# `decode` checks its own limit, from the header; Pillow's is one number for the whole process.
Image.MAX_IMAGE_PIXELS = None


def decode(data: bytes, max_pixels: int) -> np.ndarray:
    """Bytes of an image file -> its pixels, (H, W, 3) uint8 RGB, upright.

    EXIF orientation is applied, transparency composed over white, 16 bits scaled to 8,
    palette, grey and CMYK converted; of an animation the first frame is taken. Embedded
    colour profiles are ignored: pixels are read as sRGB.
    Raises BadImage for anything that is no complete image of one of FORMATS or
    has more than `max_pixels` pixels (seen in the header, before anything is unpacked).
    """
    with open_image(data, max_pixels) as image:
        try:
            return np.asarray(_rgb(ImageOps.exif_transpose(image)))
        except Exception as error:  # damaged files raise a dozen types inside Pillow
            raise BadImage(f"the {image.format} image is damaged: {_one_line(error)}") from error


def open_image(data: bytes, max_pixels: int) -> Image.Image:
    """Read an image's header, without unpacking pixels; errors as in `decode`."""
    if not data:
        raise BadImage("the image file is empty")
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
    except UnidentifiedImageError:
        raise BadImage(f"not an image file of a known kind ({', '.join(FORMATS)})") from None
    except Exception as error:
        raise BadImage(f"the image's header is damaged: {_one_line(error)}") from error
    width, height = image.size
    if width * height > max_pixels:
        image.close()
        raise BadImage(f"the image has {width}x{height} pixels, more than max_pixels={max_pixels}")
    return image


def is_plain(data: bytes) -> bool:
    """Whether the file holds just what `decode` makes of it: upright 8-bit RGB, JPEG or PNG."""
    with Image.open(io.BytesIO(data), formats=FORMATS) as image:
        return (
            image.mode == "RGB"
            and not image.has_transparency_data
            and image.getexif().get(ExifTags.Base.Orientation, 1) == 1
            # The bit depth of a PNG is byte 24; Pillow reads 16 bits as 8.
            and (image.format == "JPEG" or (image.format == "PNG" and data[24] == 8))
        )


def encode(pixels: np.ndarray, fmt: ImageFormat) -> bytes:
    """(H, W, 3) uint8 RGB -> the bytes of an image file.

    JPEG keeps colour at full resolution (4:4:4): halved colour bleeds over garment edges.
    """
    out = io.BytesIO()
    image = Image.fromarray(pixels)
    match fmt.format:
        case "jpeg":
            image.save(out, "JPEG", quality=fmt.quality, subsampling=0)
        case "webp":
            image.save(out, "WEBP", quality=fmt.quality)
        case "png":
            image.save(out, "PNG")
    return out.getvalue()


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode in ("F", "I"):
        raise BadImage("32 bits a channel have no agreed range: save it with 8 or 16 bits")
    if image.mode.startswith("I;16"):  # convert() would clip at 255
        grey = np.rint(np.asarray(image).astype(np.float64) / 257).astype(np.uint8)
        return Image.fromarray(grey).convert("RGB")
    if image.has_transparency_data:
        opaque = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", opaque.size, "white"), opaque).convert("RGB")
    return image.convert("RGB")


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
