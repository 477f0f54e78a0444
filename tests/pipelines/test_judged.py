"""GenAI-Bench and ImgEdit-Bench: prompts and inputs laid out for answers that others judge."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipelines import genai_bench, imgedit_bench
from pipelines.demo import genai_bench as prompts
from pipelines.demo import imgedit_bench as edits
from transforms import edit, generate
from vbdata.core.rng import Stream
from vbdata.errors import BadSample, SourceError
from vbdata.storage.folder import Folder


@pytest.mark.parametrize("model", [*prompts.SIDES, ""])
def test_every_prompt_with_a_models_picture_or_none(
    model: str, demo_of: Callable[[str], Path]
) -> None:
    folder = demo_of("genai_bench")
    root = Folder(str(folder))
    entries = list(genai_bench.index(root, model=model))
    told = json.loads((folder / "genai_image.json").read_text())
    assert [e.id for e in entries] == sorted(told)
    for entry in entries:
        assert entry.captions == (" ".join(told[entry.id]["prompt"].split()),)
        sample = genai_bench.load(root, entry, ["captions"])
        assert sample.labels == {"captions": entry.captions}
        assert isinstance(sample.image, bytes)
        if model:
            assert sample.image == (folder / model / f"{entry.id}.jpeg").read_bytes()
        with Image.open(io.BytesIO(sample.image)) as picture:
            assert picture.size == (entry.width, entry.height)
            assert len(np.unique(np.asarray(picture))) > 1  # a blank one would be refused
        asked = generate.ask_query(entry, 0, 0, Stream("x"), captions="verbatim")
        assert asked.instruction == entry.captions[0]


@pytest.mark.parametrize("suite", imgedit_bench.SUITES)
def test_every_edit_with_its_picture(suite: str, demo_of: Callable[[str], Path]) -> None:
    folder = demo_of("imgedit_bench")
    root = Folder(str(folder))
    told = edits.BASIC if suite == "basic" else edits.UGE
    entries = list(imgedit_bench.index(root, suite=suite))
    assert [e.id for e in entries] == sorted(told)
    for entry in entries:
        name, prompt = told[entry.id][:2]
        place = "singleturn" if suite == "basic" else "hard"
        picture = (folder / "Benchmark" / place / name).read_bytes()
        sample = imgedit_bench.load(root, entry, ["edited"])
        assert sample.image == sample.labels["edited"] == picture
        assert entry.instructions == (" ".join(prompt.split()),)
        assert entry.group == f"imgedit-bench:{name}"
        asked = edit.ask_query(entry, 0, 0, Stream("x"), instructions="verbatim")
        assert asked.instruction == entry.instructions[0]


def test_prompts_that_are_none_and_pictures_that_are_missing(
    demo_of: Callable[[str], Path], tmp_path: Path
) -> None:
    shutil.copytree(demo_of("genai_bench"), tmp_path / "data")
    notes, root = tmp_path / "data" / "genai_image.json", Folder(str(tmp_path / "data"))
    told = json.loads(notes.read_text())
    told |= {"00001": "text", "00002": {"prompt": " "}, "../x": {"prompt": "a ball"}}
    notes.write_text(json.dumps(told))
    (tmp_path / "data/DALLE_3/00003.jpeg").unlink()
    faults = {e.id: e.fault.partition(":")[0] for e in genai_bench.index(root)}
    assert faults == {
        "../x": "unsafe path",
        "00000": "",
        "00001": "garbled annotation",
        "00002": "empty label",
        "00003": "missing",
    }
    for text, match in (("[]", "no object of prompts"), ("{", "is no JSON"), ("{}", "no object")):
        notes.write_text(text)
        with pytest.raises(SourceError, match=match):
            list(genai_bench.index(root))
    notes.unlink()
    with pytest.raises(SourceError, match=r"no genai_image\.json \(the prompts\)"):
        list(genai_bench.index(root))
    with pytest.raises(SourceError, match="did you mean 'DALLE_3'"):
        list(genai_bench.index(root, model="DALLE"))
    assert genai_bench.official().entries == 1600


def test_edits_whose_pictures_are_missing_or_several(
    demo_of: Callable[[str], Path], tmp_path: Path
) -> None:
    shutil.copytree(demo_of("imgedit_bench"), tmp_path / "data")
    root, hard = Folder(str(tmp_path / "data")), tmp_path / "data/Benchmark/hard"
    (hard / "000065904.jpg").unlink()
    (hard.parent / "more").mkdir()
    shutil.copy(hard / "000066341.jpg", hard.parent / "more")
    entries = {e.id: e for e in imgedit_bench.index(root, suite="uge")}
    assert [key for key, e in entries.items() if e.fault] == ["2", "3"]
    assert "may be 'Benchmark/hard/000066341.jpg' or" in entries["3"].fault
    with pytest.raises(BadSample, match="missing"):
        imgedit_bench.load(root, entries["2"], [])
    faults = [e.fault for e in imgedit_bench.index(root, suite="uge", images="Benchmark/hard")]
    assert sum(map(bool, faults)) == 1
    notes = tmp_path / "data/Benchmark/UGE/UGE_edit.json"
    notes.write_text(json.dumps({"1": {"prompt": "x"}, "2": {"id": "a.jpg", "prompt": 3}}))
    faults = [e.fault for e in imgedit_bench.index(root, suite="uge")]
    assert [fault.partition(":")[0] for fault in faults] == ["garbled annotation"] * 2
    notes.unlink()
    with pytest.raises(SourceError, match=r"no UGE_edit\.json"):
        list(imgedit_bench.index(root, suite="uge"))
    assert [imgedit_bench.official(suite=s).entries for s in imgedit_bench.SUITES] == [737, 47]
