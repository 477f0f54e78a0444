"""Where the repository and the real samples lie, and what stands in a build's files."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from vbdata.manifest.json_text import canonical, manifest_digest
from vbdata.publish import reader_files
from vbdata.recipe.canonical import recipe_digest
from vbdata.recipe.recipe import Recipe, load_recipe

REPOSITORY = Path(__file__).resolve().parents[2]
REAL = REPOSITORY.parent / "shared" / "data"

needs_real_data = pytest.mark.skipif(
    not REAL.is_dir(), reason="the real samples are not beside this checkout (their licences)"
)


def demo_recipe_over(data: Path) -> Recipe:
    """manifests/demo.yaml with its roots below another folder."""
    recipe = REPOSITORY / "manifests" / "demo.yaml"
    return load_recipe(recipe, {s.name: str(data / s.name) for s in load_recipe(recipe).sources})


def demo_copied(data: Path, folder: Path) -> Path:
    """A copy, to damage, of the data of manifests/demo.yaml alone; its folder."""
    for source in demo_recipe_over(data).sources:
        shutil.copytree(data / source.name, folder / source.name)
    return folder


def manifest_of(out: Path) -> dict[str, Any]:
    """manifest.json of a build."""
    found: dict[str, Any] = json.loads((out / "manifest.json").read_text())
    return found


def quarantine_of(out: Path) -> list[dict[str, Any]]:
    """The quarantine rows of a build."""
    text = (out / "quarantine" / "quarantine.jsonl").read_text()
    return [json.loads(line) for line in text.splitlines()]


def sums_of(out: Path) -> str:
    """SHA256SUMS of a build."""
    return (out / "SHA256SUMS").read_text()


def resum(out: Path) -> None:
    """Write SHA256SUMS anew, of the files that it lists or, if it lists none, of all."""
    unsummed = ("SHA256SUMS", "run.json")
    paths = sorted(
        path
        for file in out.rglob("*")
        if file.is_file()
        and (path := file.relative_to(out).as_posix()) not in unsummed
        and not path.startswith(("plan/", "receipts/"))
    )
    lines = (f"{hashlib.sha256((out / path).read_bytes()).hexdigest()}  {path}\n" for path in paths)
    (out / "SHA256SUMS").write_text("".join(lines))


def remanifest(out: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change a manifest and make all else fit again, as a careful forger does."""
    manifest = manifest_of(out)
    change(manifest)
    manifest["digest"] = manifest_digest(manifest)
    (out / "manifest.json").write_bytes(canonical(manifest))
    republish(out, manifest)
    resum(out)


def republish(out: Path, manifest: dict[str, Any]) -> None:
    """Write what other libraries read anew, where a manifest still makes sense."""
    rows = f"manifest/{manifest['split']}.parquet"
    with suppress(LookupError, TypeError, ValueError, ArithmeticError, AttributeError, OSError):
        sums = {rows: hashlib.sha256((out / rows).read_bytes()).hexdigest()}
        files = reader_files(manifest, sums)
        for path, data in {path: b"".join(pieces) for path, pieces in files.items()}.items():
            (out / path).write_bytes(data)


def redigested(manifest: dict[str, Any]) -> None:
    """recipe_sha256 made to fit, as the build would: sources in the order of the cells."""
    recipe, sources = manifest["recipe"], {}
    for cell in manifest["cells"]:
        source = recipe["sources"][cell["source"]]
        made = sources.setdefault(cell["source"], {**source, "tasks": {}})
        made["tasks"][cell["task"]] = source["tasks"][cell["task"]]
    manifest["recipe_sha256"] = recipe_digest({**recipe, "sources": sources})


def writers_digest() -> str:
    """Of all that decides the bytes of demo data: code that its writers use, and libraries."""
    digest = hashlib.sha256()
    for folder in ("pipelines", "vbdata/core"):
        for path in sorted((REPOSITORY / folder).rglob("*.py")):
            digest.update(path.read_bytes())
    for library in ("numpy", "opencv-python-headless", "pillow", "h5py", "pyarrow"):
        digest.update(version(library).encode())
    return digest.hexdigest()[:16]
