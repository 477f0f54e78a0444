"""Faults that the folder alone shows, each planted in a whole build, every hash made again."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from tests.checks.test_verify import (
    edit,
    faults_of,
    forge,
    found,
    more,
    out,
    put,
    rerow,
    rewrite,
    sums,
    table_of,
    tars,
    whole,
    write_sums,
)
from tests.helpers.builds import manifest_of, redigested
from vbdata.checks.verify import examine
from vbdata.core import images
from vbdata.core.png import encode_png
from vbdata.manifest.columns import ROWS
from vbdata.shard.tar import TarWriter, members
from vbdata.storage.folder import Folder

__all__ = ["out", "whole"]  # fixtures
Parts = dict[str, bytes]


# --- the mixture ---------------------------------------------------------------------------------


def shifted(manifest: dict[str, Any], key: str) -> None:
    """One sample more for the first cell and one less for the second."""
    for cell, by in zip(manifest["cells"], (1, -1), strict=False):
        cell[key] += by


def test_a_forger_can_make_the_digest_of_the_recipe(out: Path) -> None:
    right = manifest_of(out)
    forge(out, redigested)
    assert manifest_of(out) == right
    assert faults_of(out, sample=0) == []


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda m: shifted(m, "apportioned"), "samples are apportioned, by the recipe"),
        (put("cells", 2, "apportioned", more), "samples are apportioned, by the recipe"),
        (put("recipe_sha256", "0" * 64), "recipe_sha256 is not the digest of its recipe"),
        (put("recipe", "spares", 5), "recipe_sha256 is not the digest of its recipe"),
        (
            put("recipe", "sources", "coco", "options", {}),
            "recipe_sha256 is not the digest of its recipe",
        ),
        (lambda m: m["cells"].reverse(), "recipe_sha256 is not the digest of its recipe"),
        (put("cells", 0, "replaced", 1), "is more than can be"),
        (put("cells", 0, "eligible", lambda old: old // 2), " passes, "),
        (put("cells", 0, "eligible", 0), "is more than can be"),
        (put("cells", 0, "eligible", 10**6), "entries are eligible"),
        (put("cells", 0, "passes", "9.99"), "9.99 passes"),
        (put("sources", 0, "faults", 1), "0 damaged entries of "),
        (put("recipe", "max_bad", "1e999999999"), "recipe.max_bad: String should match pattern"),
        (put("recipe", "name", "../../x"), "recipe.name: String should match pattern"),
        (put("name", "../../x"), "name: String should match pattern"),
        (put("roundtrip", "depth", "tolerance", 1e9), "the tolerance of depth is 1e+09"),
        (put("roundtrip", "normals", "unit", "metres"), "0.4 metres, by its code 0.4 degrees"),
        (put("recipe", "shard_size", 12), "3 shards, 2 of 12 samples each"),
    ],
)
def test_counts_that_do_not_follow_from_the_recipe(
    out: Path, change: Callable[[dict[str, Any]], None], expected: str
) -> None:
    forge(out, change)
    found(out, expected, sample=0)


def test_eligible_records_whose_passes_the_rows_contradict(out: Path) -> None:
    """Fewer records than the rows of one pass have."""

    def fewer(manifest: dict[str, Any]) -> None:
        cell = max(manifest["cells"], key=lambda cell: cell["unique"])
        cell["eligible"] = cell["unique"] - 1
        cell["passes"] = f"{cell['realised'] / cell['eligible']:.2f}"

    forge(out, fewer)
    found(out, "unique, replaced or eligible is more than can be", sample=0)


def test_a_record_twice_in_a_pass(out: Path) -> None:
    def repeated(rows: list[dict[str, Any]]) -> None:
        one = next(row for row in rows if [each["task"] for each in rows].count(row["task"]) > 1)
        for row in rows:
            if (row["source"], row["task"]) == (one["source"], one["task"]):
                row["sample_id"] = one["sample_id"]

    rerow(out, repeated)
    forge(out)
    found(out, ": a record stands twice in one pass", sample=0)


def test_passes_that_no_draw_makes(out: Path) -> None:
    rerow(out, edit(**{"pass": 7}))
    forge(out)
    found(out, "its passes are not those over", sample=0)


def test_a_shard_that_does_not_hold_the_mixture(out: Path) -> None:
    """Two rows of different cells have changed places between two shards: all sums stay."""
    rows = table_of(out).to_pylist()
    a = rows[0]
    b = next(row for row in rows[8:16] if row["task"] != a["task"])
    a["key"], b["key"], a["shard"], b["shard"] = b["key"], a["key"], b["shard"], a["shard"]
    i, j = rows.index(a), rows.index(b)
    rows[i], rows[j] = rows[j], rows[i]
    with pq.ParquetWriter(out / "manifest" / "train.parquet", ROWS) as writer:
        for first in (0, 8, 16):
            writer.write_table(pa.Table.from_pylist(rows[first : first + 8], ROWS))
    forge(out)
    found(out, "the mixture of the recipe has", sample=0)


def dropped(out: Path, line: dict[str, Any] | None) -> None:
    """Take the third sample of shard 1 away from rows, tar and counts; line: of its quarantine."""
    gone = table_of(out).to_pylist()[10]
    lost = [m.extension for m in members(tars(out)[1]) if m.key == gone["key"]]
    rerow(out, lambda rows: rows.pop(2))
    tar = tars(out)[1]
    kept = [(m.key, m.extension, m.data) for m in members(tar) if m.key != gone["key"]]
    with TarWriter(tar) as writer:
        for key in sorted({key for key, _, _ in kept}):
            writer.add(key, {e: d for k, e, d in kept if k == key})
    tar.with_suffix(".tar.idx").write_bytes(writer.index())

    def counted(manifest: dict[str, Any]) -> None:
        rows = table_of(out).to_pylist()
        manifest["shards"][1]["samples"] = 7
        manifest["samples"], manifest["shortfall"] = 23, 1
        for extension in lost:
            manifest["members"][extension] -= 1
        manifest["recipe"]["max_bad"] = "0.5"
        for cell in manifest["cells"]:
            mine = [
                row["sample_id"]
                for row in rows
                if (row["source"], row["task"]) == (cell["source"], cell["task"])
            ]
            cell["realised"], cell["unique"] = len(mine), len(set(mine))
            cell["repeated"] = cell["realised"] - cell["unique"]
            cell["passes"] = hundredths(cell["realised"], cell["eligible"])
        for licence in manifest["licenses"]:
            names = [row["source"] for row in rows if row["license"] == licence["license"]]
            licence["samples"] = len(names)
            licence["sources"] = {name: names.count(name) for name in sorted(set(names))}
        manifest["licenses"] = [each for each in manifest["licenses"] if each["samples"]]
        for task, errors in manifest["roundtrip"].items():
            mine = [row["roundtrip_error"] for row in rows if row["task"] == task]
            errors["largest"], errors["mean"] = max(mine), round(sum(mine) / len(mine), 9)
        if line is not None:
            cell = next(
                cell
                for cell in manifest["cells"]
                if (cell["source"], cell["task"]) == (line["source"], line["task"])
            )
            cell["quarantined"] += 1
            manifest["quarantine"] = {line["reason"]: 1}
        redigested(manifest)

    if line is not None:
        (out / "quarantine" / "quarantine.jsonl").write_text(
            json.dumps(line, sort_keys=True) + "\n"
        )
    forge(out, counted)


def hundredths(count: int, of: int) -> str:
    number = round(count * 100 / of)
    return f"{number // 100}.{number % 100:02d}"


def line_of(out: Path, **changes: Any) -> dict[str, Any]:
    """The line of quarantine that explains why there is no third sample of shard 1."""
    row = table_of(out).to_pylist()[10]
    line = {name: row[name] for name in ("source", "task", "sample_id", "key")}
    return line | {"stage": "load", "reason": "missing", "detail": "", "file": ""} | changes


def test_a_sample_that_was_dropped(out: Path) -> None:
    dropped(out, None)
    found(
        out, "00000010: there is no such sample, and quarantine/quarantine.jsonl does not", sample=0
    )


def test_a_sample_that_is_missing_for_a_reason(out: Path) -> None:
    dropped(out, line_of(out))
    assert faults_of(out) == []


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"key": "00000011"}, "00000010: there is no such sample"),
        ({"key": "00000099"}, "line 1 has '00000099', which is no key"),
        ({"key": "../x"}, "line 1 has '../x', which is no key"),
        ({"source": "coco", "task": "generate"}, "the mixture of the recipe has"),
    ],
)
def test_a_line_of_quarantine_that_explains_nothing(
    out: Path, change: dict[str, Any], expected: str
) -> None:
    dropped(out, line_of(out, **change))
    found(out, expected, sample=0)


# --- what stands beside the shards ---------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        *("README.md", "croissant.json", "train.wids.json", "metadataset.yaml"),
        *(".nv-meta/.info.json", ".nv-meta/split.yaml", ".nv-meta/sample_loader.py"),
    ],
)
def test_what_other_libraries_read_follows_from_the_manifest(out: Path, path: str) -> None:
    (out / path).write_text((out / path).read_text() + " ")
    write_sums(out, sums(out))
    assert faults_of(out, sample=0) == [f"{path}: not the file that follows from manifest.json"]
    (out / path).unlink()
    write_sums(out, [each for each in sums(out) if each != path])
    assert faults_of(out, sample=0) == [f"{path}: missing, also in SHA256SUMS"]


def test_a_file_of_no_build_that_is_summed(out: Path) -> None:
    (out / "loader.py").write_text("print('hello')\n")
    write_sums(out, [*sums(out), "loader.py"])
    assert faults_of(out, sample=0) == ["loader.py: no file of a build"]


def test_other_code_may_word_the_card_differently(out: Path) -> None:
    forge(out, put("code", "engine", "0" * 64))
    (out / "README.md").write_text("# another version wrote this\n")
    write_sums(out, sums(out))
    report = examine(Folder(str(out)), sample=0)
    assert report.faults == ()
    assert report.notes == (
        "made by other code than this, so not judged: README.md: not the file that follows from "
        "manifest.json",
    )


@pytest.mark.slow
def test_links_out_of_the_folder(out: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    tar = tars(out)[0]
    tar.rename(outside / "a.tar")
    tar.symlink_to(outside / "a.tar")
    name = tar.relative_to(out).as_posix()
    expected = f"{name}: a link out of the folder, to {outside / 'a.tar'}"
    assert faults_of(out) == [expected]
    tar.unlink()
    (out / "shards" / "kept.tar").write_bytes((outside / "a.tar").read_bytes())
    tar.symlink_to("../kept.tar")
    assert faults_of(out) == ["shards/kept.tar: not part of the build"], "a link inside is none"
    (out / "shards" / "kept.tar").unlink()
    tar.unlink()
    shutil.move(outside / "a.tar", tar)
    shutil.move(out / ".nv-meta", outside)
    (out / ".nv-meta").symlink_to(outside / ".nv-meta")
    assert faults_of(out, sample=0) == [
        f".nv-meta: a link out of the folder, to {outside / '.nv-meta'}"
    ]
    (out.parent / "linked").symlink_to(out)
    found(out.parent / "linked", "a link out of the folder", sample=0)


# --- the samples ---------------------------------------------------------------------------------


def twice(data: bytes) -> bytes:
    """A JSON object with its first member again, of another value, in front."""
    return b'{"task":"depth",' + data[1:]


def planted(out: Path, change: Callable[[str, Parts], None]) -> list[str]:
    """The faults after the samples of all tars were changed and everything made to fit."""
    for tar in tars(out):
        rewrite(tar, change)
    forge(out)
    return faults_of(out)


def test_a_key_that_stands_twice_in_json(out: Path) -> None:
    faults = planted(out, lambda key, parts: parts.update({"json": twice(parts["json"])}))
    assert len(faults) == 24
    assert all("json is not laid out as it was written: a key may" in each for each in faults)


def test_params_with_a_key_twice(out: Path) -> None:
    def change(rows: list[dict[str, Any]]) -> None:
        for row in rows:
            row["params"] = '{"palette":0,' + row["params"][1:]

    rerow(out, change)

    def same(_: str, parts: Parts) -> None:
        facts = json.loads(parts["json"])
        facts["params"] = '{"palette":0,' + facts["params"][1:]
        parts["json"] = json.dumps(facts, sort_keys=True, separators=(",", ":")).encode()

    rewrite(tars(out)[1], same)
    forge(out)
    found(out, "its params are not laid out as they were written", sample=24)


def test_a_quarantine_line_with_a_key_twice(out: Path) -> None:
    dropped(out, line_of(out))
    path = out / "quarantine" / "quarantine.jsonl"
    path.write_bytes(twice(path.read_bytes()))
    write_sums(out, sums(out))
    found(out, "line 1 is not as it was written", sample=0)


@pytest.mark.slow
def test_members_in_another_order(out: Path) -> None:
    tar = tars(out)[0]
    samples: dict[str, Parts] = {}
    for member in members(tar):
        samples.setdefault(member.key, {})[member.extension] = member.data
    blocks = []
    for key, parts in samples.items():
        with TarWriter(out / "one.tar") as writer:
            writer.add(key, parts)
        data = (out / "one.tar").read_bytes()[:-1024]
        first = 512 + -(-len(parts[min(parts)]) // 512) * 512
        blocks.append(data[first:] + data[:first])
    (out / "one.tar").unlink()
    tar.write_bytes(b"".join(blocks) + bytes(1024))
    forge(out)
    found(out, "members in the order ['instruction.txt', 'json', 'target.png', 'valid.png',")
    found(out, "members in the order", sample=24)


@pytest.mark.slow
def test_a_member_twice_is_seen_by_range(out: Path) -> None:
    tar = tars(out)[0]
    data = tar.read_bytes()[:-1024]
    end = [*np.frombuffer(tar.with_suffix(".tar.idx").read_bytes(), "<u8").tolist()]
    last = list(members(tar))[-1]
    tar.write_bytes(data + data[last.offset :] + bytes(1024))
    end[-1] += len(data) - last.offset
    tar.with_suffix(".tar.idx").write_bytes(np.array(end, "<u8").tobytes())
    forge(out)
    found(out, f"two members {last.extension}")
    found(out, "a member stands twice", sample=24)


def encoded(pixels: Any, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind, **options)
    return file.getvalue()


def with_alpha(pixels: Any) -> Any:
    return np.dstack([pixels, np.full(pixels.shape[:2], 255, np.uint8)])


def animated(pixels: Any) -> bytes:
    other = Image.fromarray(255 - pixels)
    return encoded(pixels, "PNG", save_all=True, append_images=[other], duration=10)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda rgb: encoded(rgb, "JPEG", quality=100), "found a JPEG"),
        (lambda rgb: encoded(with_alpha(rgb), "PNG"), "target.png is a PNG of colour type 6"),
        (lambda rgb: encode_png(rgb) + b"more", "bytes after its end"),
        (animated, "target.png has more than pixels: acTL, fcTL, fdAT"),
        (lambda rgb: encoded(rgb, "PNG", dpi=(72, 72)), "target.png has more than pixels: pHYs"),
    ],
)
def test_a_target_that_is_no_plain_png(
    out: Path, change: Callable[[Any], bytes], expected: str
) -> None:
    def changed(_: str, parts: Parts) -> None:
        if "target.png" in parts:
            parts["target.png"] = change(images.decode_rgb(parts["target.png"]))

    faults = planted(out, changed)
    assert sum(expected in fault for fault in faults) == labels(out)


def labels(out: Path) -> int:
    """How many samples have a target that encodes a label."""
    members_of: dict[str, int] = json.loads((out / "manifest.json").read_text())["members"]
    return members_of["target.png"]


def test_inputs_of_another_kind(out: Path) -> None:
    def changed(_: str, parts: Parts) -> None:
        parts["input.jpg"] = encode_png(images.decode_rgb(parts["input.jpg"]))

    assert sum("input.jpg is no JPEG" in fault for fault in planted(out, changed)) == 24


def test_masks_of_another_kind(out: Path) -> None:
    def changed(_: str, parts: Parts) -> None:
        if "valid.png" in parts:
            mask = images.decode_png_raw(parts["valid.png"])
            parts["valid.png"] = encode_png(np.dstack([mask] * 3))

    faults = planted(out, changed)
    assert sum("valid.png is a PNG of colour type 2" in fault for fault in faults) == labels(out)


def of_task(task: str, change: Callable[[Any, Any], None]) -> Callable[[str, Parts], None]:
    """Change target and mask of the samples of a task, uint8[H, W, 3] and uint8[H, W], in place."""

    def changed(_: str, parts: Parts) -> None:
        if json.loads(parts["json"])["task"] == task:
            rgb = images.decode_rgb(parts["target.png"]).copy()
            valid = images.decode_png_raw(parts["valid.png"]).copy()
            change(rgb, valid)
            parts["target.png"], parts["valid.png"] = encode_png(rgb), encode_png(valid)

    return changed


def swap_two_valid(rgb: Any, valid: Any) -> None:
    """As many valid pixels as before, one of them elsewhere."""
    on, off = np.argwhere(valid == 255), np.argwhere(valid == 0)
    if len(off):
        valid[tuple(on[0])], valid[tuple(off[0])] = 0, 255


def one_depth_removed(rgb: Any, valid: Any) -> None:
    rgb[tuple(np.argwhere(valid == 255)[0])] = (128, 128, 128)


def shares(out: Path) -> None:
    """Make valid_share of all rows fit the masks."""
    share = {}
    for tar in tars(out):
        for member in members(tar):
            if member.extension == "valid.png":
                mask = images.decode_png_raw(member.data)
                share[member.key] = round(int(np.count_nonzero(mask)) / mask.size, 6)
            elif member.extension == "target.jpg":
                share[member.key] = 1.0
    rows = table_of(out).to_pylist()
    for row in rows:
        row["valid_share"] = share[row["key"]]
    with pq.ParquetWriter(out / "manifest" / "train.parquet", ROWS) as writer:
        for first in (0, 8, 16):
            writer.write_table(pa.Table.from_pylist(rows[first : first + 8], ROWS))


def background_everywhere(rgb: Any, valid: Any) -> None:
    rgb[:] = 0


def half_invalid(rgb: Any, valid: Any) -> None:
    valid[rgb.any(-1)] = 0


def a_speck(rgb: Any, valid: Any) -> None:
    """An instance of which one pixel is left."""
    place = np.argwhere(rgb.any(-1))
    if len(place):
        mine = (rgb == rgb[tuple(place[0])]).all(-1)
        mine[tuple(place[0])] = False
        rgb[mine] = 0


@pytest.mark.parametrize(
    ("task", "change", "expected"),
    [
        ("depth", swap_two_valid, "2 pixels have a depth in the target but not in valid.png, or"),
        ("depth", one_depth_removed, "1 pixels have a depth in the target but not in valid.png"),
        ("depth", half_invalid, "pixels have a depth in the target but not in valid.png, or the"),
        ("normals", one_depth_removed, "1 pixels have a normal or sky in the target but not in"),
        ("instance", half_invalid, "pixels are painted that valid.png calls not valid"),
        ("instance", background_everywhere, "no instance is painted"),
        ("instance", a_speck, "has 1 pixels: so few are not painted"),
        ("semantic", half_invalid, "pixels are painted that valid.png calls not valid"),
        ("semantic", background_everywhere, "nothing of its legend is in the target"),
    ],
)
def test_a_target_that_its_mask_contradicts(
    out: Path, task: str, change: Callable[[Any, Any], None], expected: str
) -> None:
    for tar in tars(out):
        rewrite(tar, of_task(task, change))
    shares(out)
    forge(out)
    found(out, expected)


@pytest.mark.parametrize("missing", [True, False])
def test_a_palette_of_other_colours_than_the_target(out: Path, missing: bool) -> None:
    """It has one more, of an instance that was removed, or one less."""
    row = next(
        row
        for row in table_of(out).to_pylist()
        if row["task"] == "instance" and json.loads(row["params"])["palette"]
    )
    params = json.loads(row["params"])
    if missing:
        params["palette"].append([1, 2, 3])
    else:
        params["palette"].pop()
    reparamed(out, row["key"], json.dumps(params, sort_keys=True, separators=(",", ":")))
    lacking = f"lack a colour of their params, though nothing was cropped: {row['key']}"
    found(out, lacking if missing else f"{row['key']}: target.png has ")


def reparamed(out: Path, key: str, params: str) -> None:
    rows = table_of(out).to_pylist()
    for row in rows:
        if row["key"] == key:
            row["params"] = params
    with pq.ParquetWriter(out / "manifest" / "train.parquet", ROWS) as writer:
        for first in (0, 8, 16):
            writer.write_table(pa.Table.from_pylist(rows[first : first + 8], ROWS))

    def same(each: str, parts: Parts) -> None:
        if each == key:
            facts = json.loads(parts["json"]) | {"params": params}
            parts["json"] = json.dumps(facts, sort_keys=True, separators=(",", ":")).encode()

    for tar in tars(out):
        rewrite(tar, same)
    forge(out)


@pytest.mark.parametrize(
    ("task", "expected"),
    [
        ("depth", "the instruction does not ask for the palette"),
        ("semantic", "the instruction does not say "),
        ("instance", "the instruction does not ask for "),
        ("refer", "the instruction does not say "),
        ("generate", "the instruction does not have the caption of its params"),
        ("edit", "the instruction does not have the wish of its params"),
    ],
)
def test_an_instruction_that_does_not_say_its_params(out: Path, task: str, expected: str) -> None:
    reworded(out, task, lambda text: "Do what was asked for before.")
    found(out, expected)


def test_a_legend_whose_colours_were_passed_around(out: Path) -> None:
    """Names and colours are all there, but not together."""
    row = next(
        row
        for row in table_of(out).to_pylist()
        if row["task"] == "semantic" and len(json.loads(row["params"])["legend"]) > 1
    )
    params = json.loads(row["params"])
    first, second = params["legend"][:2]
    first["rgb"], second["rgb"] = second["rgb"], first["rgb"]
    reparamed(out, row["key"], json.dumps(params, sort_keys=True, separators=(",", ":")))
    found(out, f"{row['key']}: the instruction does not say {first['name']!r} in ")


def reworded(out: Path, task: str, change: Callable[[str], str]) -> None:
    rows = table_of(out).to_pylist()
    for row in rows:
        if row["task"] == task:
            row["instruction"] = change(row["instruction"])
    with pq.ParquetWriter(out / "manifest" / "train.parquet", ROWS) as writer:
        for first in (0, 8, 16):
            writer.write_table(pa.Table.from_pylist(rows[first : first + 8], ROWS))

    def same(_: str, parts: Parts) -> None:
        if json.loads(parts["json"])["task"] == task:
            parts["instruction.txt"] = change(parts["instruction.txt"].decode()).encode()

    for tar in tars(out):
        rewrite(tar, same)
    forge(out)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (edit(source_width=10**6), "the recipe does not make "),
        (edit(crop_left=1, scaled_width=10**4), "the recipe does not make "),
        (edit(source_width=0), "the recipe does not make "),
        (edit(raw_sha256="abc"), "'abc' is no SHA-256"),
    ],
)
def test_sizes_that_the_recipe_does_not_make(
    out: Path, change: Callable[[list[dict[str, Any]]], object], expected: str
) -> None:
    rerow(out, change)
    forge(out)
    found(out, expected, sample=0)
