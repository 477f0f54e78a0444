"""Hugging Face datasets opens an exported imagefolder: by its card, and as diffusers does."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pytest
from PIL import Image

from tests.interop.truth import Truth
from vbdata.export.parts.run import export
from vbdata.export.parts.types import ExportOptions
from vbdata.storage.folder import Folder

PAIRS = {"original_image": "input", "edited_image": "target"}
TEXT2IMAGE = {"image": "target"}


@pytest.fixture(scope="session")
def exported(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("export") / "out"
    export(Folder(str(folder)), Folder(str(out)), ExportOptions(format="imagefolder"))
    return out


def opened(exported: Path, part: str) -> list[tuple[str, Any]]:
    """A part in all the ways in which it is opened: by the card, by folder, by the trainers."""
    files = {"train": str(exported / part / "**")}
    return [
        ("card", datasets.load_dataset(str(exported), part, split="train")),
        ("stream", datasets.load_dataset(str(exported), part, split="train", streaming=True)),
        (
            "folder",
            datasets.load_dataset("imagefolder", data_dir=str(exported / part), split="train"),
        ),
        ("trainer", datasets.load_dataset("imagefolder", data_files=files)["train"]),
    ]


@pytest.mark.parametrize(
    ("part", "pictures", "text"),
    [("pairs", PAIRS, "edit_prompt"), ("text2image", TEXT2IMAGE, "text")],
)
def test_every_sample(
    exported: Path, truth: Truth, part: str, pictures: dict[str, str], text: str
) -> None:
    wanted = [
        key
        for key in truth.parts
        if truth.facts(key)["blank_input"] is (part == "text2image")
        and not any(name.startswith("reference") for name in truth.images(key))
    ]
    assert wanted
    for how, data in opened(exported, part):
        keys = []
        for sample in data:
            key = sample["key"]
            assert set(sample) == {*pictures, text, "key", "task", "source", "license"}, how
            for column, member in pictures.items():
                name = next(m for m in truth.parts[key] if m.startswith(member))
                assert np.array_equal(np.asarray(sample[column]), truth.pixels(key, name)), how
            assert sample[text] == truth.text(key)
            assert sample["task"] == truth.facts(key)["task"]
            keys.append(key)
        assert keys == wanted, how


def test_the_bytes_are_passed_on(exported: Path, truth: Truth) -> None:
    data = datasets.load_dataset(str(exported), "pairs", split="train")
    data = data.cast_column("edited_image", datasets.Image(decode=False))
    for sample in data:
        with Image.open(io.BytesIO(Path(sample["edited_image"]["path"]).read_bytes())) as image:
            key = sample["key"]
            assert np.array_equal(np.asarray(image), truth.pixels(key, truth.target(key)))


def test_two_configurations(exported: Path) -> None:
    report = json.loads((exported / "export.json").read_text())
    assert datasets.get_dataset_config_names(str(exported)) == ["pairs", "text2image"]
    default = datasets.load_dataset(str(exported), split="train")
    assert default.column_names[:2] == ["original_image", "edited_image"]
    assert len(default) == report["parts"][0]["samples"]
