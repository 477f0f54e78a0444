"""What COCO's official release holds, and where to download it.

Images: cocodataset.org/#download counts 118,287 and 5,000 (2017), 82,783 and 40,504 (2014). All
are image records of every annotation file, also those on which nothing was marked: 1,021 of
train2017 and 48 of val2017 have no instance. Source of the archives' names: the same page.
"""

from __future__ import annotations

from vbdata.core.types import Download, Official

IMAGES = {"train2017": 118_287, "val2017": 5_000, "train2014": 82_783, "val2014": 40_504}
ARCHIVES = {  # of the annotation files; the last two exist for 2017 only
    "instances": "annotations_trainval{}.zip",
    "captions": "annotations_trainval{}.zip",
    "person_keypoints": "annotations_trainval{}.zip",
    "panoptic": "panoptic_annotations_trainval2017.zip",
    "stuff": "stuff_annotations_trainval2017.zip",
}
SERVER = "http://images.cocodataset.org"


def official(split: str, segments: str) -> Official:
    """The release of a split. segments: which annotation file its masks are from."""
    year = split[-4:]
    released = year == "2017" or "{}" in ARCHIVES[segments]
    kinds = [segments, "captions"] if released else ["captions"]
    paths = {f"annotations/{kind}_{split}.json": ARCHIVES[kind].format(year) for kind in kinds}
    if released and segments == "panoptic":
        paths[f"annotations/panoptic_{split}"] = ARCHIVES[segments]  # a zip in the zip
    images = Download(path=split, archive=f"{split}.zip", url=f"{SERVER}/zips/{split}.zip")
    notes = [
        Download(path=path, archive=archive, url=f"{SERVER}/annotations/{archive}")
        for path, archive in paths.items()
    ]
    return Official(entries=IMAGES[split] if released else None, downloads=(images, *notes))
