"""The 150 classes of ADE20K's scene parsing benchmark, by the index that a label map has, from 1.

Each by the first of the names that panoptic benchmarks call it. Things are the 100 classes of the
instance challenge of 2017, which numbers them from 1 in the same order.

Sources: facebookresearch/Mask2Former at 161be51 (mask2former/data/datasets/
register_ade20k_panoptic.py, datasets/ade20k_instance_catid_mapping.txt); CSAILVision/
semantic-segmentation-pytorch (data/object150_info.csv).
"""

from __future__ import annotations

from ..coded_segments import Kind

NAMES = (
    *("wall", "building", "sky", "floor", "tree", "ceiling", "road", "bed", "window", "grass"),
    *("cabinet", "sidewalk", "person", "earth", "door", "table", "mountain", "plant", "curtain"),
    *("chair", "car", "water", "painting", "sofa", "shelf", "house", "sea", "mirror", "rug"),
    *("field", "armchair", "seat", "fence", "desk", "rock", "wardrobe", "lamp", "tub", "rail"),
    *("cushion", "base", "box", "column", "signboard", "chest of drawers", "counter", "sand"),
    *("sink", "skyscraper", "fireplace", "refrigerator", "grandstand", "path", "stairs"),
    *("runway", "case", "pool table", "pillow", "screen door", "stairway", "river", "bridge"),
    *("bookcase", "blind", "coffee table", "toilet", "flower", "book", "hill", "bench"),
    *("countertop", "stove", "palm", "kitchen island", "computer", "swivel chair", "boat", "bar"),
    *("arcade machine", "hovel", "bus", "towel", "light", "truck", "tower", "chandelier"),
    *("awning", "street lamp", "booth", "tv", "plane", "dirt track", "clothes", "pole", "land"),
    *("bannister", "escalator", "ottoman", "bottle", "buffet", "poster", "stage", "van", "ship"),
    *("fountain", "conveyer belt", "canopy", "washer", "plaything", "pool", "stool", "barrel"),
    *("basket", "falls", "tent", "bag", "minibike", "cradle", "oven", "ball", "food", "step"),
    *("tank", "trade name", "microwave", "pot", "animal", "bicycle", "lake", "dishwasher"),
    *("screen", "blanket", "sculpture", "hood", "sconce", "vase", "traffic light", "tray"),
    *("trash can", "fan", "pier", "crt screen", "plate", "monitor", "bulletin board", "shower"),
    *("radiator", "glass", "clock", "flag"),
)
STUFF = frozenset(
    (
        *(1, 2, 3, 4, 5, 6, 7, 10, 12, 14, 17, 18, 22, 26, 27, 29, 30, 35, 41, 47, 49, 52, 53),
        *(55, 60, 61, 62, 64, 69, 78, 80, 85, 92, 95, 97, 100, 101, 102, 106, 107, 110, 114),
        *(115, 118, 123, 129, 132, 141, 142, 146),
    )
)
THINGS = tuple(index for index in range(1, len(NAMES) + 1) if index not in STUFF)
KINDS = (
    Kind("", False),  # 0, other: void
    *(Kind(name, index not in STUFF) for index, name in enumerate(NAMES, 1)),
)
EVERYWHERE = frozenset(  # names of the full set for the same things, where they begin otherwise
    (
        *("windowpane", "bathtub", "railing", "streetlight", "television", "airplane", "apparel"),
        *("ashcan", "double door"),
    )
)
COUNTED = EVERYWHERE | {NAMES[index - 1] for index in THINGS}
