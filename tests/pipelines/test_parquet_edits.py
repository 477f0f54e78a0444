"""Edit sets as they are on the Hub, by presets, and images of different sizes in one frame."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from pipelines import parquet
from pipelines.demo import parquet as demo
from pipelines.demo import triplets
from pipelines.parts.parquet import fit, presets
from tests.pipelines.test_parquet import PNG, RGB, STRUCT, encoded, entries, rgb_of, structs, tree
from vbdata.core.types import Entry, Geometry
from vbdata.engine.build import build
from vbdata.errors import BadSample
from vbdata.recipe.recipe import parse_recipe
from vbdata.run.how import How
from vbdata.storage.folder import Folder


def both(root: Folder, entry: Entry) -> tuple[Any, Any]:
    sample = parquet.load(root, entry, ["edited"])
    return rgb_of(sample.image), rgb_of(sample.labels["edited"])


def test_presets_are_digested_and_right() -> None:
    digest = hashlib.sha256()
    for name in presets.known():
        digest.update((presets.FOLDER / f"{name}.yaml").read_bytes())
        assert not parquet.option_faults({"preset": name}), name
        assert name in (parquet.__doc__ or "")
    assert digest.hexdigest() == presets.SHA256


HUB: dict[str, dict[str, Any]] = {
    "omniedit": {
        "omni_edit_id": ["a", "b"],
        "task": ["swap", "swap"],
        "src_img": structs(PNG[:2]),
        "edited_img": structs(PNG[2:4]),
        "edited_prompt_list": [["Swap  the cat.", "Swap it."], ["One."]],
        "width": [8, 8],
        "height": [6, 6],
        "o_score": [9, 8],
    },
    "ultraedit": {
        "clip_sim_source": [0.5, 0.5],
        "source_image": structs(PNG[:2]),
        "edited_image": structs(PNG[2:4]),
        "mask_image": structs(PNG[4:6]),
        "edit_prompt": ["Swap the cat.", "One."],
        "source_caption": ["a", "b"],
    },
    "magicbrush": {
        "img_id": ["139", "139"],
        "turn_index": pa.array([1, 2], pa.int32()),
        "source_img": structs(PNG[:2]),
        "mask_img": structs(PNG[4:6]),
        "instruction": ["Swap the cat.", "One."],
        "target_img": structs(PNG[2:4]),
    },
    "hq-edit": {
        "input": ["a cat", "b"],
        "input_image": structs(PNG[:2]),
        "edit": ["Swap the cat.", "One."],
        "inverse_edit": ["Swap it back.", "None."],
        "output": ["a dog", "b"],
        "output_image": structs(PNG[2:4]),
    },
    "instructpix2pix": {
        "original_prompt": ["a cat", "b"],
        "original_image": structs(PNG[:2]),
        "edit_prompt": ["Swap the cat.", "One."],
        "edited_prompt": ["a dog", "b"],
        "edited_image": structs(PNG[2:4]),
    },
}


@pytest.mark.parametrize("name", HUB)
@pytest.mark.parametrize("said", [True, False])
def test_edit_sets_need_no_option_but_the_root(tmp_path: Path, name: str, said: bool) -> None:
    root = tree(tmp_path, HUB[name], "data/train-00000-of-00001.parquet")
    found = entries(root, source="mine", **({"preset": name} if said else {}))
    assert [e.fault for e in found] == ["", ""]
    assert found[0].instructions[0] == "Swap the cat."
    assert (found[0].instructions[1:] == ("Swap it.",)) == (name == "omniedit")
    for number, entry in enumerate(found):
        before, after = both(root, entry)
        assert np.array_equal(before, RGB[number])
        assert np.array_equal(after, RGB[number + 2])
    groups = [e.group for e in found]
    wanted = {"omniedit": ["mine:a", "mine:b"], "magicbrush": ["mine:139"] * 2}
    assert groups == wanted.get(name, [f"mine:{e.id}" for e in found])


def test_the_inverse_of_an_edit_is_a_source_of_the_same_groups(tmp_path: Path) -> None:
    root = tree(tmp_path, HUB["hq-edit"])
    there = entries(root, groups="hq", source="a")
    back = entries(root, preset="hq-edit-inverse", groups="hq", source="b")
    assert [e.group for e in there] == [e.group for e in back]
    assert back[0].instructions == ("Swap it back.",)
    assert np.array_equal(both(root, back[0])[1], RGB[0])


def test_turns_of_one_image_are_one_group_and_larger_answers_are_cut(demo_data: Path) -> None:
    root = Folder(str(demo_data / "parquet"))
    edits = list(triplets.truth(frames=3))
    for number, (entry, edit) in enumerate(zip(entries(root), edits, strict=False)):
        assert entry.group == f"parquet:{edit.room}"
        assert entry.instructions == (edit.instruction,)
        before, after = both(root, entry)
        assert np.array_equal(before, edit.rgb[0])
        if number < 2:
            assert np.array_equal(after, edit.rgb[1])
            continue
        height, width, _ = after.shape
        wide = demo.bordered(edit.rgb[1])
        tall = round(wide.shape[0] * width / wide.shape[1])
        top = (tall - height) // 2
        means = np.einsum(
            "yh,xw,hwc->yxc", shares(wide.shape[0], tall), shares(wide.shape[1], width), wide
        )
        assert np.abs(after - means[top : top + height]).max() <= 0.5 + 1e-9


def shares(old: int, new: int) -> Any:
    """float64[new, old]: how much of each new pixel each old one is, by their overlap."""
    ends = np.arange(new + 1)[:, None] * old / new
    first, last = np.maximum(ends[:-1], np.arange(old)), np.minimum(ends[1:], np.arange(1, old + 1))
    return np.maximum(last - first, 0) * new / old


def paths_of(folder: Path) -> Folder:
    for number, data in enumerate(PNG[:4]):
        path = folder / f"Singleturn/results_add_part1/{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return Folder(str(folder))


def test_imgedit_names_files_and_further_ones_are_references(tmp_path: Path) -> None:
    def name(number: int) -> str:
        return f"results_add_part1/{number}.png"

    columns = {
        "input_images": [[name(0)], [name(0), name(1)], [name(1)], []],
        "output_images": [[name(2)], [name(2)], [name(9)], [name(2)]],
        "prompt": ["Swap.", "Put one into the other.", "Add.", "No."],
    }
    paths_of(tmp_path)
    root = tree(tmp_path, columns, "Parquet/add_part1.parquet")
    found = entries(root, source="mine")
    before, after = both(root, found[0])
    assert np.array_equal(before, RGB[0])
    assert np.array_equal(after, RGB[2])
    assert (found[1].fault, found[1].references) == ("", 1)
    sample = parquet.load(root, found[1], ["edited"])
    assert [sample.image, *sample.references] == PNG[:2]
    assert found[2].fault.startswith("missing: row 2 of Parquet/add_part1.parquet: edited: column")
    assert found[3].fault.startswith("garbled annotation: row 3 of")


def test_pico_banana_is_lines_with_paths_of_another_machine(tmp_path: Path) -> None:
    for number, path in enumerate(("openimage_source_images/a.png", "images/positive-edit/1.png")):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(PNG[number])
    line = {
        "open_image_input_url": "https://farm.invalid/a.jpg",
        "text": "Make the whole picture, carefully, a painting.",
        "summarized_text": "Make it a painting",
        "output_image": "images/positive-edit/1.png",
        "edit_type": "style",
        "local_input_image": "/home/someone/data/openimage_source_images/a.png",
    }
    (tmp_path / "sft_with_local_source_image_path.jsonl").write_text(json.dumps(line) + "\n")
    root = Folder(str(tmp_path))
    (entry,) = entries(root)
    assert entry.instructions == (line["text"], line["summarized_text"])
    assert np.array_equal(both(root, entry)[0], RGB[0])


def edit(folder: Path, before: tuple[int, int], after: tuple[int, int], **options: Any) -> Any:
    """The entry of an input and an edited image of these (width, height), and its root."""
    pictures = [np.full((h, w, 3), 90, np.uint8) for w, h in (before, after)]
    pictures[1][:, 0] = 0
    columns = {
        "a": structs([encoded(pictures[0])]),
        "b": structs([encoded(pictures[1])]),
        "t": ["x"],
        "w": [before[0]],
        "h": [before[1]],
    }
    root = tree(folder, columns)
    edited = {"column": "b", "instructions": "t", **options.pop("edited", {})}
    return root, entries(root, image="a", edited=edited, **options)[0]


FRAMES = {  # input, edited -> frame
    ((100, 66), (100, 66)): (100, 66),
    ((100, 66), (102, 67)): (100, 66),
    ((100, 66), (200, 132)): (100, 66),
    ((100, 66), (50, 33)): (50, 33),
    ((100, 66), (96, 64)): (96, 63),
    ((100, 66), (120, 60)): (91, 60),
    ((66, 100), (64, 96)): (63, 96),
    ((100, 100), (101, 51)): (51, 51),
}


@pytest.mark.parametrize("sizes", FRAMES, ids=str)
@pytest.mark.parametrize("mode", fit.MODES)
def test_two_sizes_become_one_frame(tmp_path: Path, sizes: Any, mode: str) -> None:
    root, entry = edit(tmp_path, *sizes, edited={"fit": mode})
    assert (entry.fault, (entry.width, entry.height)) == ("", FRAMES[sizes])
    before, after = both(root, entry)
    assert before.shape == after.shape == (entry.height, entry.width, 3)
    assert (before == 90).all()
    assert (after[:, 1:-1] >= 45).all()
    if mode == fit.STRETCH:
        assert (after[:, 0] < 90).all()  # its edge is kept


def covered(edited: tuple[int, int], frame: tuple[int, int]) -> Geometry | None:
    """How an edited image is cut, None where too little of it would be left."""
    try:
        return fit.covering(edited, frame, fit.CROP, "")
    except BadSample:
        return None


@pytest.mark.parametrize("w", range(1, 40, 3))
def test_frames_are_never_larger_than_either(w: int) -> None:
    for h in range(1, 40, 5):
        for wide in range(1, 40, 4):
            for tall in range(1, 40, 3):
                width, height = frame = fit.frame((w, h), (wide, tall))
                assert 1 <= width <= min(w, wide)
                assert 1 <= height <= min(h, tall)
                if width > 1 and height > 1:
                    assert abs(width * h - height * w) <= max(w, h)  # its shape, to half a pixel
                stretched = fit.covering((wide, tall), frame, fit.STRETCH, "")
                assert (stretched.width, stretched.height) == stretched.scaled == frame
                cut = covered((wide, tall), frame)
                if cut is None:
                    continue
                assert width <= cut.scaled[0] <= wide
                assert height <= cut.scaled[1] <= tall
                assert width in cut.scaled[:1] or height in cut.scaled[1:]


def test_what_cannot_be_fitted_says_what_would_help(tmp_path: Path) -> None:
    _, entry = edit(tmp_path, (100, 30), (40, 40))
    assert "more than half would be cut off; edited.fit: stretch keeps all of it" in entry.fault
    root, entry = edit(tmp_path, (100, 60), (50, 30), size=["w", "h"])
    assert (entry.fault, entry.width) == ("", 100)
    with pytest.raises(BadSample, match=r"wrong size.*without the option size both images"):
        both(root, entry)
    root, entry = edit(tmp_path, (100, 60), (200, 120), size=["w", "h"])
    assert both(root, entry)[1].shape == (60, 100, 3)
    root, entry = edit(tmp_path, (50, 30), (50, 30), edited={"size": ["w", "h"]})
    assert both(root, entry)[1].shape == (30, 50, 3)
    columns = {"a": structs(PNG[:1]), "b": structs([encoded(RGB[1, :3, :4])]), "t": ["x"]}
    columns["d"] = structs([encoded(np.full((6, 8), 500, np.uint16))])
    (entry,) = entries(
        tree(tmp_path, columns),
        image="a",
        depth={"column": "d", "scale": 1000, "kind": "z"},
        edited={"column": "b", "instruction": "Do."},
    )
    assert entry.labels == ("depth",)
    assert entry.left_out[0].startswith("wrong size: edited: 4x3, smaller than the picture")


def test_instructions_in_every_form(tmp_path: Path) -> None:
    columns = {
        "a": structs(PNG[:5]),
        "b": structs(PNG[:5]),
        "t": [["Long  one.", "Short."], ["Same.", "Same."], [], None, [" ", "\u200b"]],
        "u": ["More.", None, "", "Only.", None],
    }
    root = tree(tmp_path, columns)
    found = entries(root, image="a", edited={"column": "b", "instructions": ["t", "u"]})
    assert [e.instructions for e in found[:2]] == [("Long one.", "Short.", "More."), ("Same.",)]
    assert found[3].instructions == ("Only.",)
    assert [e.fault.partition(":")[0] for e in found] == [
        "",
        "",
        *["empty label", ""],
        "empty label",
    ]
    (one, *_) = entries(root, image="a", edited={"column": "b", "instruction": "Repaint it."})
    assert one.instructions == ("Repaint it.",)


WAYS: dict[str, dict[str, Any]] = {
    "defaults": {},
    "groups": {"row_group_size": 3},
    "page a value": {"use_dictionary": False, "write_batch_size": 1, "data_page_size": 1},
    "version 2": {"data_page_version": "2.0", "write_batch_size": 2, "data_page_size": 1},
    "plain": {"use_dictionary": False, "compression": "none"},
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("listed", [pa.list_, pa.large_list])
def test_of_lists_the_first_is_the_input_and_the_rest_are_references(
    tmp_path: Path, way: str, listed: Any
) -> None:
    counts = [1, 3, 0, 1, 2, None, 1]
    cells = [{"bytes": data, "path": None} for data in PNG]
    rows = [None if n is None else [*cells[k:], *cells][:n] for k, n in enumerate(counts)]
    columns = {"refs": pa.array(rows, listed(STRUCT)), "b": structs(PNG), "t": ["x"] * 7}
    root = tree(tmp_path, columns, **WAYS[way])
    found = entries(root, image="refs", edited={"column": "b", "instructions": "t"})
    for number, (entry, count) in enumerate(zip(found, counts, strict=True)):
        if count:
            assert (entry.fault, entry.references) == ("", count - 1)
            assert np.array_equal(both(root, entry)[0], RGB[number])
            sample = parquet.load(root, entry, ["edited"])
            wanted = [*PNG[number:], *PNG][1:count]
            assert [*sample.references] == wanted
        else:
            assert entry.fault == f"missing: row {number} of a.parquet: column refs has no bytes"


@pytest.mark.slow
def test_a_recipe_alone_makes_samples_of_two_sizes(tmp_path: Path) -> None:
    """Inputs of 64 x 48, edited images of 64 x 48 and of 72 x 48, decoded by Pillow alone."""
    noise = np.random.default_rng(2).integers(0, 256, (4, 48, 72, 3), np.uint8)
    before, after = noise[:2, :, :64], [noise[2, :, :64], noise[3]]
    columns = {
        "source_img": structs([encoded(rgb) for rgb in before]),
        "target_img": structs([encoded(rgb) for rgb in after]),
        "instruction": ["Swap the cat for a dog.", "Add a hat."],
        "img_id": ["7", "8"],
    }
    tree(tmp_path / "data", columns)
    text = (
        "name: mine\nseed: 1\nsamples: 2\nimage: {input: png, target: png}\n"
        "tasks: {edit: {instructions: verbatim}}\nsources:\n"
        f"  mine: {{dataset: parquet, root: {tmp_path / 'data'}, camera: [60, 60, 31.5, 23.5], "
        "tasks: {edit: 1}}\n"
    )
    build(parse_recipe(text, "r.yaml", tmp_path, {}), Folder(str(tmp_path / "out")), How())
    (tar,) = (tmp_path / "out").rglob("*.tar")
    with tarfile.open(tar) as members:
        files = {m.name: members.extractfile(m).read() for m in members}  # type: ignore[union-attr]
    keys = {name.partition(".")[0] for name in files}
    said = {files[f"{key}.instruction.txt"]: key for key in keys}
    for number, instruction in enumerate(columns["instruction"]):
        key = said[str(instruction).encode()]
        pictures = [
            np.asarray(Image.open(io.BytesIO(files[f"{key}.{end}.png"])))
            for end in ("input", "target")
        ]
        assert np.array_equal(pictures[0], before[number])
        assert np.array_equal(pictures[1], after[number][:, 4 * number : 64 + 4 * number])
        assert json.loads(files[f"{key}.json"])["license"] == "CC-BY-4.0"
