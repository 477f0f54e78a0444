"""Miniature pairs of a picture and what it shows, in any of the layouts of captioned.py.

Every fourth picture is a PNG, and every fifth says by its group that it is another dataset's.
"""

from __future__ import annotations

import csv
import io
import json
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from vbdata.core.images import encode_jpeg
from vbdata.core.rng import Stream

from .captions import captions
from .caster import develop, shoot
from .places import room, street

SIZES = ((160, 120), (120, 160), (144, 144), (161, 101))
SEEN = 40  # pixels of a surface that is spoken of
OF_A_GROUP = 3  # rows of a Parquet file


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A picture's name with its kind, its sentences and pixels. group: "" for none of its own."""

    name: str
    captions: tuple[str, ...]
    group: str
    rgb: NDArray[np.uint8]

    @property
    def data(self) -> bytes:
        """The picture as a file."""
        if self.name.endswith(".jpg"):
            return encode_jpeg(self.rgb)
        png: bytes = cv2.imencode(".png", np.ascontiguousarray(self.rgb[..., ::-1]))[1].tobytes()
        return png

    @property
    def facts(self) -> dict[str, object]:
        """What img2dataset would say of it."""
        height, width, _ = self.rgb.shape
        more = {"group": self.group} if self.group else {}
        key = self.name.partition(".")[0]
        about = {"caption": self.captions[0], "key": key, "status": "success"}
        return {**about, "width": width, "height": height, **more}


def write(folder: Path, *, seed: int = 0, frames: int = 10, layout: str = "pairs") -> None:
    """Lay out `frames` pairs as pairs, metadata (a line a caption), csv, tars or parquet."""
    folder.mkdir(parents=True, exist_ok=True)
    pairs = list(truth(seed=seed, frames=frames))
    writers = {"pairs": _pairs, "metadata": _lines, "csv": _csv, "tars": _tar, "parquet": _parquet}
    writers[layout](folder, pairs)


def truth(*, seed: int = 0, frames: int = 10) -> Iterator[Pair]:
    """The pairs in order of their names."""
    for number in range(frames):
        stream = Stream(seed, "captioned", number)
        make = street if number % 3 == 2 else room
        frame = shoot(*make(stream, *SIZES[number % len(SIZES)]))
        seen = np.bincount(frame.ids.ravel(), minlength=len(frame.surfaces) + 1)[1:]
        shown = [s for s, count in zip(frame.surfaces, seen, strict=True) if count >= SEEN]
        texts = [" ".join(text.split()) for text in captions(stream, shown)]
        yield Pair(
            name=f"{number:09d}.{'png' if number % 4 == 3 else 'jpg'}",
            captions=tuple(dict.fromkeys(texts)),
            group=f"coco:{number:012d}" if number % 5 == 4 else "",
            rgb=develop(frame.rgb, np.ones(frame.ids.shape, bool)),
        )


def _pairs(folder: Path, pairs: list[Pair]) -> None:
    """Pictures with a .txt each; those with a group have a .json too."""
    for pair in pairs:
        picture = folder / "00000" / pair.name
        picture.parent.mkdir(exist_ok=True)
        picture.write_bytes(pair.data)
        picture.with_suffix(".txt").write_text(pair.captions[0], encoding="utf-8")
        if pair.group:
            picture.with_suffix(".json").write_text(json.dumps(pair.facts), encoding="utf-8")


def _rows(folder: Path, pairs: list[Pair]) -> Iterator[dict[str, str]]:
    """Write the pictures; yields a line for every caption of each."""
    for pair in pairs:
        (folder / pair.name).write_bytes(pair.data)
        for text in pair.captions:
            yield {"file_name": pair.name, "text": text, "group": pair.group}


def _lines(folder: Path, pairs: list[Pair]) -> None:
    rows = ({k: v for k, v in row.items() if v} for row in _rows(folder, pairs))
    lines = [json.dumps(row) + "\n" for row in rows]
    (folder / "metadata.jsonl").write_text("".join(lines), encoding="ascii")


def _csv(folder: Path, pairs: list[Pair]) -> None:
    with (folder / "metadata.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, ("file_name", "text", "group"))
        writer.writeheader()
        writer.writerows(_rows(folder, pairs))


def _tar(folder: Path, pairs: list[Pair]) -> None:
    with tarfile.open(folder / "00000.tar", "w", format=tarfile.USTAR_FORMAT) as tar:
        for pair in pairs:
            key, _, kind = pair.name.partition(".")
            members = {
                kind: pair.data,
                "txt": pair.captions[0].encode(),
                "json": json.dumps(pair.facts).encode(),
            }
            for extension, data in members.items():
                info = tarfile.TarInfo(f"{key}.{extension}")
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))


def _parquet(folder: Path, pairs: list[Pair]) -> None:
    """As Hugging Face datasets writes it, with all captions of a picture in its row."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.table(
        {
            "image": [{"bytes": pair.data, "path": pair.name} for pair in pairs],
            "captions": [list(pair.captions) for pair in pairs],
            "group": [pair.group or None for pair in pairs],
        }
    )
    pq.write_table(table, folder / "train-00000-of-00001.parquet", row_group_size=OF_A_GROUP)
