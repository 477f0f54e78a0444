"""The classes of Cityscapes, by label id, which KITTI's street images have as well.

Things are the ten classes in which Cityscapes counts instances. Its evaluation counts 19 classes.
It ignores the category void (ids 0 to 6) and, for being rare, parking, rail track, guard rail,
bridge, tunnel, pole group, caravan and trailer. A licence plate has the id -1, which no PNG can
hold. Train ids are another numbering, 0 to 18 for the 19 classes and 255 for all that is ignored,
which is made from the labels by csCreateTrainIdLabelImgs and is the same for no other tool.

Source: cityscapesScripts, helpers/labels.py.
"""

from __future__ import annotations

from .coded_segments import Kind

VOID = Kind("", False)
STUFF = (  # label ids 7 to 23
    *("road", "sidewalk", "parking", "rail track", "building", "wall", "fence", "guard rail"),
    *("bridge", "tunnel", "pole", "pole group", "traffic light", "traffic sign", "vegetation"),
    *("terrain", "sky"),
)
THINGS = (  # label ids 24 to 33
    *("person", "rider", "car", "truck", "bus", "caravan", "trailer", "train", "motorcycle"),
    "bicycle",
)
FIRST = 7  # label id that is not of the category void
NAMED = (
    *(VOID for _ in range(FIRST)),
    *(Kind(name, False) for name in STUFF),
    *(Kind(name, True) for name in THINGS),
)
IGNORED = frozenset((*range(FIRST), 9, 10, 14, 15, 16, 18, 29, 30))  # label ids: ignoreInEval
EVALUATED = tuple(VOID if label in IGNORED else kind for label, kind in enumerate(NAMED))
TRAIN_IDS = frozenset((*range(19), 255))
TRAINED = tuple(kind for label, kind in enumerate(NAMED) if label not in IGNORED)  # by train id
