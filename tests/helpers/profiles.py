"""ICC profiles, made by hand: ICC.1:2001-04 has the format."""

import struct

import numpy as np

# Red, green and blue as XYZ, adapted to D50.
P3 = ((0.51512, 0.2412, -0.00105), (0.29198, 0.69225, 0.04189), (0.1571, 0.06657, 0.78407))
ADOBE = ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457))
SRGB = ((0.43607, 0.22249, 0.01392), (0.38515, 0.71687, 0.09708), (0.14307, 0.06061, 0.7141))
D50 = (0.9642, 1.0, 0.8249)
# L, a and b of inks on white paper.
PAPER, CYAN, MAGENTA, YELLOW = (95, 0, 0), (55, -37, -50), (48, 74, -3), (89, -5, 93)


def display_p3() -> bytes:
    """Display P3: its own primaries, sRGB's curve."""
    return _of_primaries(P3, _srgb_curve())


def adobe_rgb() -> bytes:
    """Adobe RGB (1998)."""
    return _of_primaries(ADOBE, _gamma(2.19921875))


def srgb() -> bytes:
    """sRGB, as another program than Pillow writes it."""
    return _of_primaries(SRGB, _srgb_curve())


def grey(gamma: float) -> bytes:
    """Grey of a gamma; sRGB's is about 2.2."""
    return _profile(b"mntr", b"GRAY", b"XYZ ", {b"wtpt": _xyz(D50), b"kTRC": _gamma(gamma)})


def cmyk() -> bytes:
    """Four inks, whose mixtures are as dark as the darkest of them."""
    corners = []
    for inks in np.ndindex(2, 2, 2, 2):
        used = [
            ink for ink, on in zip((CYAN, MAGENTA, YELLOW, (10, 0, 0)), inks, strict=True) if on
        ]
        lightness, a, b = np.mean([PAPER, *used], axis=0) if len(used) > 1 else (*used, PAPER)[0]
        corners += [round(lightness * 2.55), round(a + 128), round(b + 128)]
    ramp, identity = bytes(range(256)), (1, 0, 0, 0, 1, 0, 0, 0, 1)
    table = struct.pack(">4s4xBBBx", b"mft1", 4, 3, 2) + _fixed(identity)
    table += 4 * ramp + bytes(corners) + 3 * ramp
    return _profile(b"prtr", b"CMYK", b"Lab ", {b"wtpt": _xyz(D50), b"A2B0": table})


def _of_primaries(primaries: tuple[tuple[float, ...], ...], curve: bytes) -> bytes:
    tags = {b"wtpt": _xyz(D50)}
    for channel, primary in zip((b"r", b"g", b"b"), primaries, strict=True):
        tags |= {channel + b"XYZ": _xyz(primary), channel + b"TRC": curve}
    return _profile(b"mntr", b"RGB ", b"XYZ ", tags)


def _profile(kind: bytes, space: bytes, connection: bytes, tags: dict[bytes, bytes]) -> bytes:
    offset, table, data = 128 + 4 + 12 * len(tags), struct.pack(">I", len(tags)), b""
    for name, content in tags.items():
        table += struct.pack(">4sII", name, offset + len(data), len(content))
        data += content + bytes(-len(content) % 4)
    rest = table + data
    head = struct.pack(
        ">I4xI4s4s4s12x4s", 128 + len(rest), 0x02400000, kind, space, connection, b"acsp"
    )
    return (head + bytes(28) + _fixed(D50)).ljust(128, b"\0") + rest


def _fixed(values: tuple[float, ...]) -> bytes:
    return struct.pack(f">{len(values)}i", *(round(v * 65536) for v in values))


def _xyz(values: tuple[float, ...]) -> bytes:
    return b"XYZ \0\0\0\0" + _fixed(values)


def _gamma(gamma: float) -> bytes:
    return struct.pack(">4s4xIH", b"curv", 1, round(gamma * 256))


def _srgb_curve() -> bytes:
    x = np.linspace(0, 1, 1024)
    linear = np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4)
    return struct.pack(">4s4xI", b"curv", 1024) + np.rint(linear * 65535).astype(">u2").tobytes()
