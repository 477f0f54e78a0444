"""The demo data that are fuzzed: each reader's layouts and options, and some packed as archives."""

from __future__ import annotations

import importlib
import os
import shutil
import tarfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vbdata import plugins
from vbdata.demo import WRITERS


@dataclass(frozen=True)
class Variant:
    """How a demo is written, packed ("", zip or tar) and read."""

    options: Mapping[str, Any] = field(default_factory=dict)
    written: Mapping[str, Any] = field(default_factory=dict)
    packed: str = ""

    def __str__(self) -> str:
        said = [f"{k}={v}" for k, v in {**self.written, **self.options}.items()]
        return " ".join((*said, self.packed)).strip() or "as it is"


VARIANTS: dict[str, tuple[Variant, ...]] = {
    "ade20k": (Variant(), Variant({"level": "parts"}, {"release": "full"})),
    "captioned": tuple(
        Variant(written={"layout": layout, "frames": 5})
        for layout in ("pairs", "metadata", "csv", "tars", "parquet")
    ),
    "coco": tuple(
        Variant({"segments": kind}, {"frames": 8}) for kind in ("instances", "panoptic", "stuff")
    ),
    "diode": (Variant(written={"frames": 1}),),
    "dsine": tuple(Variant({"part": part}) for part in ("nyuv2", "vkitti", "sintel", "oasis")),
    "folders": (
        Variant(written={"frames": 3}),
        Variant({"preset": "blenderproc"}, {"frames": 2, "hdf5": True}),
        Variant(
            {
                "images": "images/{split}/{id}.jpg",
                "matte": "masks/{split}/{id}.png",
                "split": "all",
            },
            {"frames": 2},
        ),
    ),
    "genai_bench": (Variant(), Variant({"model": ""})),
    "eden": (Variant({"camera": "both"}),),
    "hypersim": (
        Variant(written={"frames": 1}),
        Variant({"image": "preview", "split": "all"}, {"frames": 1}),
    ),
    "imgedit_bench": (Variant(), Variant({"suite": "uge"})),
    "kitti": tuple(Variant(packed=kind) for kind in ("", "zip", "tar")),
    "mapillary_vistas": (Variant(), Variant({"maps": "instances"})),
    "marigold": (
        Variant({"part": "kitti"}),
        Variant({"part": "scannet", "frames": "my_lists/scannet.txt"}),
        Variant({"part": "diode"}),
    ),
    "moge": (Variant(), Variant({"part": "KITTI"})),
    "nuscenes": (Variant({"split": "mini_val"}), Variant({"cameras": ["CAM_FRONT"]})),
    "nyuv2": (
        Variant(),
        Variant(written={"labeled": True}),
        Variant({"depth": "filled", "region": "eigen", "split": "both"}, {"labeled": True}),
    ),
    "paco": (Variant(), Variant({"level": "parts"})),
    "parquet": (
        Variant(written={"frames": 4}),
        Variant(
            {
                "image": "rgb",
                "captions": "text",
                "camera": "K",
                "depth": {"column": "depth", "scale": 1000, "kind": "z"},
                "normals": {"column": "normals", "frame": "opencv", "coding": "png8"},
                "segments": {"column": "mask", "coding": "index", "names": {"*": "thing"}},
            },
            {"layout": "labels", "frames": 3},
        ),
    ),
    "matrixcity": (Variant(), Variant({"part": "test"})),
    "pascal_voc": (Variant(), Variant({"release": "sbd"}, {"sbd": True})),
    "reasonseg": (Variant(), Variant({"split": "test"})),
    "saco": (Variant(), Variant({"subset": "sa1b"})),
    "tartanair": (Variant(), Variant({"release": "v2"})),
    "structured3d": (Variant({"segments": True}),),
    "triplets": (Variant(), Variant(written={"tars": True})),
    "vkitti2": (Variant({"variations": ["clone", "fog"]}), Variant({"classes": "all"})),
}


def readers() -> list[str]:
    """Readers that have a demo writer."""
    return sorted(set(plugins.names(plugins.DATASETS)) & set(plugins.names(WRITERS)))


def variants(reader: str) -> tuple[Variant, ...]:
    """What is fuzzed of a reader."""
    return VARIANTS.get(reader, (Variant(),))


def write(reader: str, folder: Path) -> None:
    """All demo data of a reader as READER-0, READER-1 and so on, unless they are there."""
    module = importlib.import_module(f"{WRITERS}.{reader}")
    known = variants(reader)
    for number, variant in enumerate(known):
        target = folder / f"{reader}-{number}"
        if target.exists():
            continue
        part = folder / f"{target.name}.{os.getpid()}.part"
        first = next(k for k, v in enumerate(known) if v.written == variant.written)
        if first < number:
            shutil.copytree(folder / f"{reader}-{first}", part)
        else:
            module.write(part, seed=0, **variant.written)
        if variant.packed:
            _pack(part, variant.packed)
        part.rename(target)


def _pack(folder: Path, kind: str) -> None:
    """Replace what is in a folder by archives of it, a folder each."""
    for top in sorted(folder.iterdir()):
        files = sorted(path for path in top.rglob("*") if path.is_file())
        if kind == "zip":
            with zipfile.ZipFile(folder / f"{top.name}.zip", "w", zipfile.ZIP_DEFLATED) as packed:
                for path in files:
                    packed.write(path, path.relative_to(folder).as_posix())
        else:
            with tarfile.open(folder / f"{top.name}.tar", "w") as packed:
                for path in files:
                    packed.add(path, path.relative_to(folder).as_posix())
        shutil.rmtree(top)
