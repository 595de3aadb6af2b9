"""The codes of the segmentation maps (8-bit PNG)."""

BACKGROUND = 0
FACE = 1
HAIR = 2
HANDS = 3
SKIN = 4  # other skin
TOP = 5
TROUSERS = 6
SKIRT = 7
DRESS = 8
SHOES = 9
OUTERWEAR = 10
SOCKS = 11
PERSON = 12  # a person whose parts are not known
HAT = 13  # these are worn in photographs alone, not by the sample world's people
GLASSES = 14
GLOVES = 15
ACCESSORIES = 16  # belt, bag, scarf, tie, jewellery

HEAD = (FACE, HAIR, HAT, GLASSES)
CLOTHES = (TOP, TROUSERS, SKIRT, DRESS, SHOES, OUTERWEAR, SOCKS)
# What stays when somebody is dressed in other clothes: face, hair, hats, glasses; hands, gloves.
HEAD_AND_HANDS = (FACE, HAIR, HAT, GLASSES, HANDS, GLOVES)

NAMES = {
    BACKGROUND: "background",
    FACE: "face",
    HAIR: "hair",
    HANDS: "hands",
    SKIN: "skin",
    TOP: "top",
    TROUSERS: "trousers",
    SKIRT: "skirt",
    DRESS: "dress",
    SHOES: "shoes",
    OUTERWEAR: "outerwear",
    SOCKS: "socks",
    PERSON: "person",
    HAT: "hat",
    GLASSES: "glasses",
    GLOVES: "gloves",
    ACCESSORIES: "accessories",
}
