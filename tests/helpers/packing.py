"""The demo datasets packed as their official releases are, and everything else that is packed."""

from __future__ import annotations

import io
import shutil
import tarfile
import zipfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

STORED, DEFLATED = zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED
Members = Mapping[str, bytes]


def members(top: Path, *patterns: str, as_seen_from: Path) -> dict[str, bytes]:
    """The files below a folder that match, by their path as seen from another folder."""
    found = sorted(p for pattern in patterns or ("**/*",) for p in top.glob(pattern) if p.is_file())
    return {str(path.relative_to(as_seen_from)): path.read_bytes() for path in found}


def zipped(files: Members, method: int = DEFLATED) -> bytes:
    """A zip's bytes."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", method) as archive:
        for folder in _folders(files):
            archive.writestr(f"{folder}/", b"")
        for name, content in files.items():
            archive.writestr(name, content)
    return data.getvalue()


def tarred(files: Members, mode: str = "w") -> bytes:
    """A tar's bytes, with its folders and as `tar -C folder .` names them."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode=mode) as archive:
        for folder in _folders(files):
            info = tarfile.TarInfo(f"./{folder}")
            info.type = tarfile.DIRTYPE
            archive.addfile(info)
        for name, content in files.items():
            info = tarfile.TarInfo(f"./{name}")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return data.getvalue()


PACKERS: dict[str, Callable[[Members], bytes]] = {
    "zip": zipped,
    "tar": tarred,
    "tar.gz": lambda files: tarred(files, "w:gz"),
    "tgz": lambda files: tarred(files, "w:gz"),
}


def write(path: Path, data: bytes) -> Path:
    """Write a file, with its folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def unpack(source: Path, target: Path) -> None:
    """Unpack all zips of a tree where they lie, and those in them, as a person would."""
    shutil.copytree(source, target)
    while archives := sorted(target.rglob("*.zip")):
        for path in archives:
            with zipfile.ZipFile(path) as archive:
                archive.extractall(path.parent)
            path.unlink()


def pack_coco(demo: Path, out: Path) -> None:
    """cocodataset.org: pictures, annotations, and the panoptic zip with zips inside."""
    for split in ("train2017", "val2017"):
        pictures = members(demo / split, as_seen_from=demo)
        write(out / f"{split}.zip", zipped(pictures, STORED))
    notes = demo / "annotations"
    plain = members(notes, "instances_*.json", "captions_*.json", as_seen_from=demo)
    write(out / "annotations_trainval2017.zip", zipped(plain))
    stuff = members(notes, "stuff_*.json", as_seen_from=demo)
    write(out / "stuff_annotations_trainval2017.zip", zipped(stuff))
    panoptic = members(notes, "panoptic_*.json", as_seen_from=demo)
    for split, method in (("train2017", STORED), ("val2017", DEFLATED)):
        inner = members(notes / f"panoptic_{split}", as_seen_from=notes)
        panoptic[f"annotations/panoptic_{split}.zip"] = zipped(inner)
        outer = {name: data for name, data in panoptic.items() if split in name}
        write(out / f"panoptic_{split}_as_{method}.zip", zipped(outer, method))


def pack_kitti(demo: Path, out: Path) -> None:
    """cvlibs.net: a zip a drive, a zip a date's calibration, one with all depth, train/ on top."""
    raw = demo / "raw"
    for drive in sorted(raw.glob("*/*_sync")):
        write(out / "raw" / f"{drive.name}.zip", zipped(members(drive, as_seen_from=raw)))
    for date in sorted(raw.iterdir()):
        calibration = members(date, "calib_*.txt", as_seen_from=raw)
        write(out / "raw" / f"{date.name}_calib.zip", zipped(calibration))
    depth = members(demo / "depth", as_seen_from=demo / "depth")
    write(out / "depth" / "data_depth_annotated.zip", zipped(depth))


def pack_hypersim(demo: Path, out: Path) -> None:
    """apple/ml-hypersim: a zip a scene; the tables come with the repository."""
    scenes = demo / "evermotion_dataset" / "scenes"
    for scene in sorted(scenes.iterdir()):
        target = out / scene.relative_to(demo).parent / f"{scene.name}.zip"
        write(target, zipped(members(scene, as_seen_from=scenes)))
    for table in sorted(demo.rglob("*.csv")):
        if scenes not in table.parents:
            write(out / table.relative_to(demo), table.read_bytes())


def pack_refcoco(demo: Path, out: Path) -> None:
    """lichengunc/refer: refcoco.zip in data/, train2014.zip where its readme has it unpacked."""
    write(out / "refcoco.zip", zipped(members(demo / "refcoco", as_seen_from=demo)))
    pictures = demo / "images" / "mscoco" / "images"
    for folder in sorted(pictures.iterdir()):
        target = out / pictures.relative_to(demo) / f"{folder.name}.zip"
        write(target, zipped(members(folder, as_seen_from=pictures), STORED))


OFFICIAL = {
    "coco": pack_coco,
    "kitti": pack_kitti,
    "hypersim": pack_hypersim,
    "refcoco": pack_refcoco,
}


def _folders(names: Iterable[str]) -> list[str]:
    """The folders above some files, each after those above it."""
    parts = [name.split("/")[:-1] for name in names]
    return list(dict.fromkeys("/".join(p[: n + 1]) for p in parts for n in range(len(p))))
