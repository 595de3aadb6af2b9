"""What the numbers mean that human parsers write, and the codes of `world.labels` they become.

A number is its label's place in the list. Left and right are the person's own in all tables; the
codes do not tell them apart.
"""

from typing import NamedTuple

from world.labels import (
    ACCESSORIES,
    BACKGROUND,
    DRESS,
    FACE,
    GLASSES,
    GLOVES,
    HAIR,
    HANDS,
    HAT,
    NAMES,
    OUTERWEAR,
    SHOES,
    SKIN,
    SKIRT,
    SOCKS,
    TOP,
    TROUSERS,
)


class Label(NamedTuple):
    """A number of a parser: its name there, and what it becomes here."""

    name: str
    code: int  # of world.labels


LabelTable = tuple[Label, ...]


def _table(*labels: tuple[str, int]) -> LabelTable:
    return tuple(Label(*label) for label in labels)


_LIMBS = _table(
    ("left_arm", SKIN),
    ("right_arm", SKIN),
    ("left_leg", SKIN),
    ("right_leg", SKIN),
    ("left_shoe", SHOES),
    ("right_shoe", SHOES),
)


def _of_lip(tenth: tuple[str, int]) -> LabelTable:
    return (
        *_table(
            ("background", BACKGROUND),
            ("hat", HAT),
            ("hair", HAIR),
            ("glove", GLOVES),
            ("sunglasses", GLASSES),
            ("upper_clothes", TOP),
            ("dress", DRESS),
            ("coat", OUTERWEAR),
            ("socks", SOCKS),
            ("pants", TROUSERS),
            tenth,
            ("scarf", ACCESSORIES),
            ("skirt", SKIRT),
            ("face", FACE),
        ),
        *_LIMBS,
    )


# https://github.com/GoGoDuck912/Self-Correction-Human-Parsing, simple_extractor.py
_LIP = _of_lip(("jumpsuits", DRESS))
# https://github.com/Engineering-Course/CIHP_PGN/issues/19; also of VITON-HD,
# https://github.com/shadow2496/VITON-HD, datasets.py
_CIHP = _of_lip(("torso_skin", SKIN))
# https://github.com/GoGoDuck912/Self-Correction-Human-Parsing, simple_extractor.py
# The same of DressCode, https://github.com/aimagelab/dress-code, data/labelmap.py ("head" for face)
_ATR = _table(
    ("background", BACKGROUND),
    ("hat", HAT),
    ("hair", HAIR),
    ("sunglasses", GLASSES),
    ("upper_clothes", TOP),
    ("skirt", SKIRT),
    ("pants", TROUSERS),
    ("dress", DRESS),
    ("belt", ACCESSORIES),
    ("left_shoe", SHOES),
    ("right_shoe", SHOES),
    ("face", FACE),
    ("left_leg", SKIN),
    ("right_leg", SKIN),
    ("left_arm", SKIN),
    ("right_arm", SKIN),
    ("bag", ACCESSORIES),
    ("scarf", ACCESSORIES),
)

TABLES: dict[str, LabelTable] = {
    "lip": _LIP,
    "cihp": _CIHP,
    "viton-hd": _CIHP,
    "atr": _ATR,
    "dresscode": _ATR,
    # https://github.com/yumingj/DeepFashion-MultiModal, README. Its skin is one label, hands
    # included. What is worn on head and hands stays with them.
    "deepfashion-multimodal": _table(
        ("background", BACKGROUND),
        ("top", TOP),
        ("outer", OUTERWEAR),
        ("skirt", SKIRT),
        ("dress", DRESS),
        ("pants", TROUSERS),
        ("leggings", TROUSERS),
        ("headwear", HAT),
        ("eyeglass", GLASSES),
        ("neckwear", ACCESSORIES),
        ("belt", ACCESSORIES),
        ("footwear", SHOES),
        ("bag", ACCESSORIES),
        ("hair", HAIR),
        ("face", FACE),
        ("skin", SKIN),
        ("ring", HANDS),
        ("wrist_wearing", ACCESSORIES),
        ("socks", SOCKS),
        ("gloves", GLOVES),
        ("necklace", ACCESSORIES),
        ("rompers", DRESS),
        ("earrings", FACE),
        ("tie", ACCESSORIES),
    ),
    # https://github.com/facebookresearch/sapiens, docs/SEG_README.md. Face and neck are one label,
    # trousers and skirts another; hats and glasses are apparel or nothing.
    "sapiens": _table(
        ("background", BACKGROUND),
        ("apparel", ACCESSORIES),
        ("face_neck", FACE),
        ("hair", HAIR),
        ("left_foot", SKIN),
        ("left_hand", HANDS),
        ("left_lower_arm", SKIN),
        ("left_lower_leg", SKIN),
        ("left_shoe", SHOES),
        ("left_sock", SOCKS),
        ("left_upper_arm", SKIN),
        ("left_upper_leg", SKIN),
        ("lower_clothing", TROUSERS),
        ("right_foot", SKIN),
        ("right_hand", HANDS),
        ("right_lower_arm", SKIN),
        ("right_lower_leg", SKIN),
        ("right_shoe", SHOES),
        ("right_sock", SOCKS),
        ("right_upper_arm", SKIN),
        ("right_upper_leg", SKIN),
        ("torso", SKIN),
        ("upper_clothing", TOP),
        ("lower_lip", FACE),
        ("upper_lip", FACE),
        ("lower_teeth", FACE),
        ("upper_teeth", FACE),
        ("tongue", FACE),
    ),
    # https://pypi.org/project/fashn-human-parser 0.1.1. It has no label for shoes: they are feet.
    "fashn": _table(
        ("background", BACKGROUND),
        ("face", FACE),
        ("hair", HAIR),
        ("top", TOP),
        ("dress", DRESS),
        ("skirt", SKIRT),
        ("pants", TROUSERS),
        ("belt", ACCESSORIES),
        ("bag", ACCESSORIES),
        ("hat", HAT),
        ("scarf", ACCESSORIES),
        ("glasses", GLASSES),
        ("arms", SKIN),
        ("hands", HANDS),
        ("legs", SKIN),
        ("feet", SHOES),
        ("torso", SKIN),
        ("jewelry", ACCESSORIES),
    ),
    "reposer": _table(*((NAMES[code], code) for code in sorted(NAMES))),
}
