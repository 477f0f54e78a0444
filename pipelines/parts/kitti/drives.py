"""KITTI's drives by name: the two parts of the depth benchmark, and Eigen's test set.

Numbers of drives by date, each the drive DATE_drive_NNNN_sync. The parts are those of
data_depth_annotated.zip, 138 and 13 drives. Eigen's 697 test frames are of 28 drives, of which
some are in either part. Sources: the folders of the benchmark as public loaders list them;
splits/eigen/test_files.txt of nianticlabs/monodepth2, whose drives are those of SfMLearner's
test_scenes_eigen.txt and test_files_eigen.txt, as forks of it have them; Eigen et al., NIPS 2014.

The benchmark's files are 85,898 and 6,852 depth maps, each frame's for both colour cameras. With
the first and last five frames of each drive left out, the 47,885 raw frames of these 151 drives
are just as many: no frame in between is without depth.
"""

from __future__ import annotations

from collections.abc import Mapping

from vbdata.core.types import Download

Drives = Mapping[str, str]  # date -> numbers

TRAIN: Drives = {
    "2011_09_26": "1 9 11 14 15 17 18 19 22 27 28 29 32 35 39 46 48 51 52 56 57 59 60 61 64 70 84"
    " 86 87 91 93 96 101 104 106 117",
    "2011_09_28": "1 2 16 21 34 35 38 39 43 45 47 53 54 57 65 66 68 70 71 75 77 78 80 82 86 87 89"
    " 90 94 95 96 98 100 102 103 104 106 108 110 113 117 119 121 122 125 126 128 132 134 135 136"
    " 138 141 143 145 146 149 153 154 155 156 160 161 162 165 166 167 168 171 174 177 179 183 184"
    " 185 186 187 191 192 195 198 199 201 204 205 208 209 214 216 220 222",
    "2011_09_29": "4 71",
    "2011_09_30": "18 20 27 28 33 34",
    "2011_10_03": "27 34 42",
}
VAL: Drives = {
    "2011_09_26": "2 5 13 20 23 36 79 95 113",
    "2011_09_28": "37",
    "2011_09_29": "26",
    "2011_09_30": "16",
    "2011_10_03": "47",
}
EIGEN_TEST: Drives = {
    "2011_09_26": "2 9 13 20 23 27 29 36 46 48 52 56 59 64 84 86 93 96 101 106 117",
    "2011_09_28": "2",
    "2011_09_29": "71",
    "2011_09_30": "16 18 27",
    "2011_10_03": "27 47",
}
PARTS = {"train": TRAIN, "val": VAL}
FRAMES = {"train": 42_949, "val": 3_426}  # of one camera

SERVER = "https://s3.eu-central-1.amazonaws.com/avg-kitti"
DEPTH = "data_depth_annotated.zip"


def names(drives: Drives) -> list[str]:
    """The full names of drives, such as 2011_09_26_drive_0001_sync, sorted."""
    return [
        f"{date}_drive_{int(number):04d}_sync"
        for date, numbers in drives.items()
        for number in numbers.split()
    ]


def groups(drives: Drives) -> frozenset[str]:
    """The groups that entries of these drives have."""
    return frozenset(f"kitti:{name}" for name in names(drives))


def downloads(part: str) -> list[Download]:
    """What to download for a part, "train" or "val": depth maps, calibrations and raw drives."""
    files = [Download(path=f"depth/{part}", archive=DEPTH, url=f"{SERVER}/{DEPTH}")]
    for date in PARTS[part]:
        zipped = f"{date}_calib.zip"
        path = f"raw/{date}/calib_cam_to_cam.txt"
        files.append(Download(path=path, archive=zipped, url=f"{SERVER}/raw_data/{zipped}"))
    for name in names(PARTS[part]):
        path, folder = f"raw/{name[:10]}/{name}", name.removesuffix("_sync")
        url = f"{SERVER}/raw_data/{folder}/{name}.zip"
        files.append(Download(path=path, archive=f"{name}.zip", url=url))
    return files
