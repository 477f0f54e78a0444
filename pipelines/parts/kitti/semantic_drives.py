"""Which raw KITTI drive each of the 200 training images of the 2015 benchmarks was taken from.

Facts of mapping/train_mapping.txt in KITTI's scene flow 2015 devkit, whose line k + 1 is about
image k; it is blank where no raw drive was published. Read in visinf/self-mono-sf (datasets/
index_generator/provided) and the same, drive by drive, in simonmeister/UnFlow
(files/kitti_excludes/kitti_training_2015.txt).
"""

from __future__ import annotations

from bisect import bisect_right

# first image of a run, and its drive ("": not published); a run ends where the next begins
RUNS = (
    (0, ""),
    (2, "2011_09_26_drive_0005_sync"),
    (4, ""),
    (7, "2011_09_26_drive_0009_sync"),
    (13, "2011_09_26_drive_0011_sync"),
    (18, "2011_09_26_drive_0013_sync"),
    (22, "2011_09_26_drive_0014_sync"),
    (34, "2011_09_26_drive_0015_sync"),
    (43, "2011_09_26_drive_0017_sync"),
    (47, "2011_09_26_drive_0018_sync"),
    (54, "2011_09_26_drive_0019_sync"),
    (57, "2011_09_26_drive_0022_sync"),
    (60, "2011_09_26_drive_0027_sync"),
    (62, "2011_09_26_drive_0028_sync"),
    (70, "2011_09_26_drive_0029_sync"),
    (72, "2011_09_26_drive_0032_sync"),
    (82, ""),
    (83, "2011_09_26_drive_0036_sync"),
    (85, "2011_09_26_drive_0046_sync"),
    (87, ""),
    (88, "2011_09_26_drive_0051_sync"),
    (99, ""),
    (105, "2011_09_26_drive_0056_sync"),
    (112, "2011_09_26_drive_0057_sync"),
    (118, "2011_09_26_drive_0059_sync"),
    (128, "2011_09_26_drive_0070_sync"),
    (130, "2011_09_26_drive_0084_sync"),
    (133, ""),
    (141, "2011_09_26_drive_0096_sync"),
    (144, "2011_09_26_drive_0101_sync"),
    (149, "2011_09_26_drive_0104_sync"),
    (151, ""),
    (155, "2011_09_28_drive_0002_sync"),
    (156, ""),
    (157, "2011_09_29_drive_0004_sync"),
    (165, ""),
    (168, "2011_09_29_drive_0071_sync"),
    (170, ""),
    (199, "2011_10_03_drive_0047_sync"),
)
IMAGES = 200


def group(number: int) -> str:
    """The group of a training image: its raw drive or, if that is unpublished, the run it is in.

    Neighbours in a run of unpublished drives may be of one drive, so the run is one group, named by
    its first image. Numbers that the benchmark does not have are groups of their own.
    """
    if number >= IMAGES:
        return f"kitti-semantic:{number:06d}"
    first, drive = RUNS[bisect_right(RUNS, number, key=lambda run: run[0]) - 1]
    return f"kitti:{drive}" if drive else f"kitti-semantic:{first:06d}"
