"""Photographs of every kind, decoded and encoded."""

import io
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms

from configs.fields import ImageFormat
from tests.helpers import profiles
from workers.data.images import BadImage, decode, encode, is_plain

LIMIT = 1_000_000


def _file(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def _photograph(height: int = 24, width: int = 40) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    return np.stack([x * 6, y * 10, 255 - x * 3], axis=-1).astype(np.uint8)


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF"])
def test_lossless_files_come_back_exactly(kind):
    pixels = _photograph()
    decoded = decode(_file(Image.fromarray(pixels), kind), LIMIT)
    assert decoded.dtype == np.uint8
    np.testing.assert_array_equal(decoded, pixels)


def test_grey_becomes_rgb():
    grey = _photograph()[..., 0]
    np.testing.assert_array_equal(
        decode(_file(Image.fromarray(grey)), LIMIT), np.stack([grey] * 3, axis=-1)
    )


def test_transparency_is_composed_over_white():
    rgba = np.zeros((2, 2, 4), np.uint8)
    rgba[0, 0] = (200, 100, 0, 255)
    rgba[0, 1] = (200, 100, 0, 0)
    rgba[1, 0] = (0, 0, 0, 51)
    decoded = decode(_file(Image.fromarray(rgba)), LIMIT)
    np.testing.assert_array_equal(decoded[0], [[200, 100, 0], [255, 255, 255]])
    np.testing.assert_array_equal(decoded[1, 0], [204, 204, 204])


def test_a_transparent_palette_colour_is_white():
    image = Image.fromarray(np.array([[0, 1]], np.uint8), mode=None).convert("P")
    image.putpalette([255, 0, 0, 0, 0, 255])
    decoded = decode(_file(image, transparency=1), LIMIT)
    np.testing.assert_array_equal(decoded, [[[255, 0, 0], [255, 255, 255]]])


def test_cmyk_is_converted():
    decoded = decode(_file(Image.new("CMYK", (4, 4), (0, 255, 255, 0)), "JPEG"), LIMIT)
    np.testing.assert_allclose(decoded, np.broadcast_to([255, 0, 0], (4, 4, 3)), atol=3)


def test_16_bits_are_scaled_not_clipped():
    grey = np.array([[0, 257, 25700, 65535]], np.uint16)
    decoded = decode(_file(Image.fromarray(grey)), LIMIT)
    np.testing.assert_array_equal(decoded[..., 0], [[0, 1, 100, 255]])


def test_32_bits_are_refused():
    with pytest.raises(BadImage, match="8 or 16 bits"):
        decode(_file(Image.fromarray(np.ones((4, 4), np.float32)), "TIFF"), LIMIT)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(orientation):
    pixels = _photograph()
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = _file(Image.fromarray(pixels), exif=exif)
    flips = {1: pixels, 2: pixels[:, ::-1], 3: pixels[::-1, ::-1], 4: pixels[::-1]}
    turned = pixels.transpose(1, 0, 2)
    flips |= {5: turned, 6: turned[:, ::-1], 7: turned[::-1, ::-1], 8: turned[::-1]}
    np.testing.assert_array_equal(decode(data, LIMIT), flips[orientation])
    assert is_plain(data) == (orientation == 1)


def test_of_an_animation_the_first_frame_is_taken():
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "blue")]
    data = _file(frames[0], "GIF", save_all=True, append_images=frames[1:])
    np.testing.assert_array_equal(decode(data, LIMIT)[0, 0], [255, 0, 0])


def _bomb() -> bytes:
    """A PNG whose header promises 60,000 x 60,000 pixels."""
    data = bytearray(_file(Image.new("RGB", (4, 4))))
    data[16:24] = (60_000).to_bytes(4, "big") * 2
    data[29:33] = zlib.crc32(bytes(data[12:29])).to_bytes(4, "big")
    return bytes(data)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "empty"),
        (b"no image", "not an image file of a known kind"),
        (b"<!DOCTYPE html>\n<html>404 not found</html>", "a web page: download it again"),
        (b"<?xml version='1.0'?>\n<Error><Code>AccessDenied</Code></Error>", "a storage server"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00", "run `git lfs pull`"),
        (b"\0\0\0\x24ftypheic\0\0\0\0mif1heic", "not an image but HEIC, whatever it is called"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not an image file"),
        (_file(Image.fromarray(_photograph(99, 99)), "JPEG")[:-400], "damaged"),
        (_file(Image.fromarray(_photograph(99, 99)))[:200], "damaged"),
        (_file(Image.fromarray(_photograph()), "JPEG")[:30], "image"),
        (_bomb(), "60000x60000 pixels, more than max_pixels=1000000"),
    ],
    ids=[
        "empty",
        "text",
        "page",
        "answer",
        "lfs",
        "heic",
        "postscript",
        "cut jpeg",
        "cut png",
        "jpeg header",
        "bomb",
    ],
)
def test_a_bad_file_is_refused_in_one_line(data, message):
    with pytest.raises(BadImage, match=message) as caught:
        decode(data, LIMIT)
    assert "\n" not in str(caught.value)
    assert "BytesIO" not in str(caught.value)


def test_the_limit_is_inclusive():
    data = _file(Image.fromarray(_photograph(10, 20)))
    assert decode(data, 200).shape == (10, 20, 3)
    with pytest.raises(BadImage, match="20x10"):
        decode(data, 199)


@pytest.mark.parametrize(("kind", "worst"), [("png", 0), ("jpeg", 8), ("webp", 12)])
def test_encoded_images_decode_to_nearly_themselves(kind, worst):
    pixels = _photograph()
    data = encode(pixels, ImageFormat(format=kind))
    with Image.open(io.BytesIO(data)) as image:
        assert image.format == kind.upper()
    assert np.abs(decode(data, LIMIT).astype(int) - pixels).max() <= worst


def test_jpeg_keeps_colour_at_full_resolution():
    """One-pixel stripes of red and green survive; 4:2:0 would make them one brown."""
    stripes = np.zeros((16, 16, 3), np.uint8)
    stripes[:, ::2] = (200, 40, 40)
    stripes[:, 1::2] = (40, 160, 40)
    back = decode(encode(stripes, ImageFormat(format="jpeg")), LIMIT)
    assert np.abs(back.astype(int) - stripes).mean() < 6


def test_only_upright_8_bit_rgb_is_plain():
    rgb = Image.fromarray(_photograph())
    assert is_plain(_file(rgb))
    assert is_plain(_file(rgb, "JPEG"))
    assert not is_plain(_file(rgb.convert("RGBA")))
    assert not is_plain(_file(rgb.convert("P")))
    assert not is_plain(_file(rgb.convert("L"), "JPEG"))
    assert not is_plain(_file(rgb, transparency=(0, 0, 0)))
    assert not is_plain(_file(rgb, "BMP"))


# --- colour profiles

PILLOWS = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
# What is red and green in sRGB, in the numbers of other spaces.
WIDE = {
    "Display P3": (profiles.display_p3(), (234, 51, 35), (117, 251, 76)),
    "Adobe RGB": (profiles.adobe_rgb(), (219, 0, 0), (144, 255, 60)),
}


@pytest.mark.parametrize("profile", [PILLOWS, profiles.srgb()], ids=["Pillow's", "another"])
@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_profile_of_srgb_changes_nothing(profile, kind):
    image = Image.fromarray(_photograph())
    data = _file(image, kind, icc_profile=profile)
    np.testing.assert_array_equal(decode(data, LIMIT), decode(_file(image, kind), LIMIT))
    assert is_plain(data)


@pytest.mark.parametrize("space", WIDE)
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF"])
def test_other_spaces_are_converted_to_srgb(space, kind):
    profile, red, green = WIDE[space]
    pixels = np.repeat(np.array([red, green, (128, 128, 128)], np.uint8), 16, axis=0)[:, None]
    pixels = np.repeat(pixels, 16, axis=1)
    options = {"PNG": {}, "TIFF": {}, "WEBP": {"lossless": True}}
    options = options.get(kind, {"quality": 100, "subsampling": 0})
    data = _file(Image.fromarray(pixels), kind, icc_profile=profile, **options)
    found = decode(data, LIMIT)[8::16, 8]
    np.testing.assert_allclose(found, [(255, 0, 0), (0, 255, 0), (128, 128, 128)], atol=12)
    assert np.abs(pixels[8::16, 8].astype(int) - found).max() > 30
    assert not is_plain(data)
    with Image.open(io.BytesIO(encode(decode(data, LIMIT), ImageFormat()))) as written:
        assert "icc_profile" not in written.info


def test_transparent_and_palette_images_have_profiles_too():
    profile, red, _ = WIDE["Display P3"]
    image = Image.new("RGBA", (4, 4), (*red, 255))
    image.putpixel((0, 0), (*red, 0))
    decoded = decode(_file(image, icc_profile=profile), LIMIT)
    np.testing.assert_array_equal(decoded[0, 0], [255, 255, 255])
    np.testing.assert_allclose(decoded[1, 1], [255, 0, 0], atol=6)
    palette = Image.new("RGB", (4, 4), red).convert("P", palette=Image.Palette.ADAPTIVE)
    decoded = decode(_file(palette, icc_profile=profile), LIMIT)
    np.testing.assert_allclose(decoded[1, 1], [255, 0, 0], atol=6)


@pytest.mark.parametrize("mode", ["L", "LA"])
def test_grey_of_another_gamma_is_converted(mode):
    image = Image.new("L", (4, 4), 128).convert(mode)
    darker = decode(_file(image, icc_profile=profiles.grey(1.0)), LIMIT)
    np.testing.assert_allclose(darker, 188, atol=2)  # half the light
    same = decode(_file(image, icc_profile=profiles.grey(2.2)), LIMIT)
    np.testing.assert_allclose(same, 128, atol=2)


def test_cmyk_has_the_colours_of_its_inks():
    image = Image.new("CMYK", (8, 8), (255, 0, 0, 0))
    red, green, blue = decode(_file(image, "JPEG", icc_profile=profiles.cmyk()), LIMIT)[4, 4]
    assert red < 60 < 100 < green < 180 < 190 < blue
    white = Image.new("CMYK", (8, 8), (0, 0, 0, 0))
    assert decode(_file(white, "JPEG", icc_profile=profiles.cmyk()), LIMIT).min() > 235


@pytest.mark.parametrize(
    "profile",
    [b"no profile", profiles.adobe_rgb()[:200], profiles.cmyk(), profiles.grey(1.0)],
    ids=["text", "cut", "of CMYK", "of grey"],
)
def test_profiles_that_are_damaged_or_of_other_channels_are_ignored(profile):
    data = _file(Image.fromarray(_photograph()), icc_profile=profile)
    np.testing.assert_array_equal(decode(data, LIMIT), _photograph())
    assert is_plain(data)
