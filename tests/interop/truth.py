"""What is in a build, read with nothing but our own tar reader, pyarrow and Pillow."""

from __future__ import annotations

import contextlib
import io
import json
import re
import runpy
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray
from PIL import Image

from vbdata.shard.tar import members

Make = Callable[..., Path]  # of a build: the recipe's keys to change

Pixels = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Truth:
    """manifest: manifest.json; rows: the Parquet rows; parts: key -> extension -> bytes."""

    manifest: dict[str, Any]
    rows: list[dict[str, Any]]
    parts: dict[str, dict[str, bytes]]

    @property
    def split(self) -> str:
        """The split's name."""
        return str(self.manifest["split"])

    @property
    def tars(self) -> list[str]:
        """The shards' paths."""
        return [shard["tar"] for shard in self.manifest["shards"]]

    def input(self, key: str) -> str:
        """A sample's input.jpg or input.png."""
        (found,) = (name for name in self.parts[key] if name.startswith("input."))
        return found

    def images(self, key: str) -> list[str]:
        """The members of a sample that are images."""
        return [name for name in self.parts[key] if name not in ("instruction.txt", "json")]

    def target(self, key: str) -> str:
        """A sample's target.png, target.jpg or target.webp."""
        (found,) = (name for name in self.parts[key] if name.startswith("target."))
        return found

    @property
    def members(self) -> set[str]:
        """All members that samples have."""
        return {name for parts in self.parts.values() for name in parts}

    def facts(self, key: str) -> dict[str, Any]:
        """The sample's json."""
        found: dict[str, Any] = json.loads(self.parts[key]["json"])
        return found

    def text(self, key: str) -> str:
        """The sample's instruction."""
        return self.parts[key]["instruction.txt"].decode()

    def pixels(self, key: str, extension: str, mode: str | None = None) -> Pixels:
        """uint8 [H, W, 3], or [H, W] of a grey image; mode: what to convert it to."""
        image = Image.open(io.BytesIO(self.parts[key][extension]))
        return np.asarray(image.convert(mode) if mode else image)


def truth_of(folder: Path) -> Truth:
    """Read a build."""
    manifest = json.loads((folder / "manifest.json").read_text())
    rows = pq.read_table(folder / "manifest" / f"{manifest['split']}.parquet").to_pylist()
    parts: dict[str, dict[str, bytes]] = {}
    for shard in manifest["shards"]:
        for member in members(folder / shard["tar"]):
            parts.setdefault(member.key, {})[member.extension] = member.data
    assert list(parts) == [row["key"] for row in rows]
    assert len(parts) == manifest["samples"]
    return Truth(manifest, rows, parts)


def run_the_card(folder: Path, heading: str, check: str) -> None:
    """Run a code block of the dataset card in the folder, then statements about what it left.

    The first build's runs in a process of its own, as a reader runs it; the others' run here, where
    the library is imported.
    """
    card = (folder / "README.md").read_text()
    (section,) = re.findall(rf"\n##+ {heading}\n(.*?)(?=\n##)", card, re.DOTALL)
    (code,) = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    with tempfile.TemporaryDirectory() as place:
        script = Path(place) / "card.py"
        script.write_text(f"{code}\n{check}\n")
        if heading in ALONE:
            with contextlib.chdir(folder):
                runpy.run_path(str(script))
            return
        ALONE.add(heading)
        done = subprocess.run(
            [sys.executable, script], cwd=folder, capture_output=True, text=True, timeout=300
        )
        assert done.returncode == 0, f"{code}\n{done.stderr}"


ALONE: set[str] = set()  # headings whose code has run in a process of its own
