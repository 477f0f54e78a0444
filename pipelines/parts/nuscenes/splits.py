"""nuScenes' scenes by number: which are in val, and in the two parts of the mini version.

All other scenes of v1.0-trainval, 700, are in train. Source: nutonomy/nuscenes-devkit,
python-sdk/nuscenes/utils/splits.py.
"""

from __future__ import annotations


def _scenes(ranges: str) -> frozenset[str]:
    """The names of scenes: numbers, and ranges of them."""
    ends = [[int(end) for end in each.split("-")] for each in ranges.split()]
    return frozenset(f"scene-{n:04d}" for each in ends for n in range(each[0], each[-1] + 1))


VAL = _scenes(
    "3 12-18 35-36 38-39 92-110 221 268-278 329-332 344-346 519-524 552-565 625-627 629-630"
    " 632-638 770-771 775 777-778 780-784 794-800 802 904-917 919-931 962-963 966-969 971-972"
    " 1059-1073"
)
MINI_TRAIN = _scenes("61 553 655 757 796 1077 1094 1100")
MINI_VAL = _scenes("103 916")
VERSIONS = {  # split -> folder of its tables
    "train": "v1.0-trainval",
    "val": "v1.0-trainval",
    "mini_train": "v1.0-mini",
    "mini_val": "v1.0-mini",
}
SAMPLES = {"train": 28130, "val": 6019, "mini_train": None, "mini_val": None}  # key frames


def has(split: str, scene: str) -> bool:
    """Whether a scene is in a split, of those in the tables of its version."""
    if split == "train":
        return scene not in VAL
    return scene in {"val": VAL, "mini_train": MINI_TRAIN, "mini_val": MINI_VAL}[split]
