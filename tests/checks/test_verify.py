"""verify finds what was planted, however well it was covered up, and nothing in a whole build."""

from __future__ import annotations

import hashlib
import json
import shutil
import struct
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.cli.test_cli import run
from tests.helpers.builds import REPOSITORY, manifest_of, republish
from tests.storage.test_s3 import Log, s3, upload
from vbdata.checks.verify import examine, verify
from vbdata.core import images
from vbdata.core.png import encode_png
from vbdata.engine.build import build
from vbdata.errors import BuildError
from vbdata.layout import HOLDOUT
from vbdata.manifest import rows as manifest_rows
from vbdata.manifest.columns import ROWS
from vbdata.manifest.json_text import canonical, manifest_digest
from vbdata.manifest.opened import open_build
from vbdata.manifest.sums import LARGEST, MOST
from vbdata.recipe.recipe import load_recipe
from vbdata.run.how import How
from vbdata.shard.tar import TarWriter, members
from vbdata.storage.folder import Folder

__all__ = ["s3"]  # a fixture
Plant = Callable[[Path], None]
TASKS = ("depth", "normals", "semantic", "instance", "refer")


@pytest.fixture(scope="module")
def whole(demo_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small build of all tasks in three shards, with a held-out set. Read only."""
    folder = tmp_path_factory.mktemp("verify")
    text = (REPOSITORY / "manifests" / "demo.yaml").read_text()
    text = text.replace("samples: 96", "samples: 24").replace("shard_size: 32", "shard_size: 8")
    recipe = folder / "small.yaml"
    recipe.write_text(
        text.replace("../demo/data", str(demo_data)) + "holdout: [kitti-eigen-test]\n"
    )
    build(load_recipe(recipe), Folder(str(folder / "out")), How())
    return folder / "out"


@pytest.fixture
def out(whole: Path, tmp_path: Path) -> Path:
    shutil.copytree(whole, tmp_path / "out")
    return tmp_path / "out"


def faults_of(out: Path, **options: Any) -> list[str]:
    return list(examine(Folder(str(out)), **options).faults)


def found(out: Path, expected: str, **options: Any) -> None:
    faults = faults_of(out, **options)
    assert any(expected in fault for fault in faults), faults


def tars(out: Path) -> list[Path]:
    return sorted(out.glob("shards/*/*.tar"))


def sums(out: Path) -> list[str]:
    return [line.split("  ")[1] for line in (out / "SHA256SUMS").read_text().splitlines()]


def write_sums(out: Path, paths: list[str]) -> None:
    digests = [hashlib.sha256((out / path).read_bytes()).hexdigest() for path in paths]
    lines = [f"{digest}  {path}\n" for digest, path in zip(digests, paths, strict=True)]
    (out / "SHA256SUMS").write_text("".join(lines))


def forge(out: Path, change: Callable[[dict[str, Any]], object] = lambda manifest: None) -> None:
    """What a careful forger does: make sizes, digests, readers' files and sums fit again."""
    manifest = manifest_of(out)
    for shard in manifest["shards"]:
        data = (out / shard["tar"]).read_bytes()
        shard["sha256"] = hashlib.sha256(data).hexdigest()
        shard["bytes"] = len(data)
    manifest["bytes"] = sum(shard["bytes"] for shard in manifest["shards"])
    change(manifest)
    manifest["digest"] = manifest_digest(manifest)
    (out / "manifest.json").write_bytes(canonical(manifest))
    republish(out, manifest)
    write_sums(out, sums(out))


def rewrite(tar: Path, change: Callable[[str, dict[str, bytes]], None]) -> None:
    """Write an archive again with its samples changed in place."""
    samples: dict[str, dict[str, bytes]] = {}
    for member in members(tar):
        samples.setdefault(member.key, {})[member.extension] = member.data
    with TarWriter(tar) as writer:
        for key, parts in samples.items():
            change(key, parts)
            writer.add(key, parts)
    tar.with_suffix(".tar.idx").write_bytes(writer.index())


def rerow(out: Path, change: Callable[[list[dict[str, Any]]], object]) -> None:
    """Write the rows again, those of shard 1 changed in place: a shard, a row group."""
    path = out / "manifest" / "train.parquet"
    shards = [table_of(out).slice(first, 8).to_pylist() for first in (0, 8, 16)]
    for number, rows in enumerate(shards):
        if number == 1:
            change(rows)
    with pq.ParquetWriter(path, ROWS) as writer:
        for rows in shards:
            writer.write_table(pa.Table.from_pylist(rows, ROWS))


def table_of(out: Path) -> pa.Table:
    return pq.read_table(out / "manifest" / "train.parquet")


@pytest.mark.slow
def test_a_whole_build_is_whole(out: Path) -> None:
    report = examine(Folder(str(out)))
    assert (report.faults, report.unread, report.notes) == ((), (), ())
    assert (report.shards, report.samples, report.read) == (3, 24, 24)
    assert report.bytes == manifest_of(out)["bytes"]
    assert examine(Folder(str(out)), sample=7).faults == ()
    forge(out)
    assert verify(Folder(str(out))) == [], "forging alone leaves no trace"
    subprocess.run(["sha256sum", "--quiet", "-c", "SHA256SUMS"], cwd=out, check=True)


def test_no_build_at_all(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="holds no finished build"):
        verify(Folder(str(tmp_path)))


def flip(path: Path, at: float = 0.5) -> None:
    data = bytearray(path.read_bytes())
    data[int(len(data) * at)] ^= 1
    path.write_bytes(bytes(data))


def swap(one: Path, two: Path) -> None:
    data = one.read_bytes(), two.read_bytes()
    two.write_bytes(data[0])
    one.write_bytes(data[1])


# --- files ---------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_flipped_byte(out: Path) -> None:
    flip(tars(out)[1])
    found(out, f"{tars(out)[1].name}: its SHA-256 is not the one in SHA256SUMS")
    assert faults_of(out, sample=0) == [], "a sample of none reads no tar"


@pytest.mark.slow
def test_every_flipped_byte_of_a_small_file(out: Path) -> None:
    small = [path for path in sums(out) if not path.endswith(".tar")]
    assert len(small) > 6
    for path in small:
        kept = (out / path).read_bytes()
        if kept:
            flip(out / path, 0.3)
            expected = f"{path}: its SHA-256 is not the one in SHA256SUMS"
            assert expected in faults_of(out, sample=0)
            (out / path).write_bytes(kept)


@pytest.mark.parametrize("suffix", [".tar", ".tar.idx"])
def test_a_missing_file(out: Path, suffix: str) -> None:
    path = tars(out)[2].with_suffix(suffix)
    path.unlink()
    name = str(path.relative_to(out))
    for options in ({}, {"sample": 2}):
        assert f"{name}: missing" in faults_of(out, **options)
    write_sums(out, [each for each in sums(out) if each != name])
    assert f"{name}: the manifest names it, SHA256SUMS does not" in faults_of(out, sample=0)


def test_an_extra_file(out: Path) -> None:
    (out / "shards" / "more.txt").write_text("more")
    assert faults_of(out, sample=0) == ["shards/more.txt: not part of the build"]


def test_an_extra_shard(out: Path) -> None:
    more = tars(out)[0].with_name("train-00003-of-00003.tar")
    shutil.copy(tars(out)[0], more)
    name = str(more.relative_to(out))
    assert faults_of(out, sample=0) == [f"{name}: not part of the build"]
    write_sums(out, [*sums(out), name])
    assert faults_of(out, sample=0) == [f"{name}: no shard of the manifest"]

    def listed(manifest: dict[str, Any]) -> None:
        manifest["shards"].append({**manifest["shards"][0], "tar": name})

    forge(out, listed)
    found(out, "rows of shard 3", sample=0)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("abc  manifest.json", "is not a SHA-256, two spaces and a path"),
        ("0" * 64 + "  ../outside", "'../outside' is not a path inside the folder"),
        ("0" * 64 + "  /etc/passwd", "'/etc/passwd' is not a path inside the folder"),
        ("0" * 64 + "  manifest.json", "manifest.json stands twice"),
        ("\ud800", "cannot be read"),
    ],
)
def test_lines_that_are_no_sums(out: Path, line: str, expected: str) -> None:
    with (out / "SHA256SUMS").open("ab") as file:
        file.write(line.encode("utf-8", "surrogatepass") + b"\n")
    found(out, expected, sample=0)


def test_sums_that_would_fill_the_memory(out: Path) -> None:
    with (out / "SHA256SUMS").open("r+b") as file:
        file.truncate(LARGEST + 1)
    found(out, f"{LARGEST + 1} bytes, at most {LARGEST} are read", sample=0)


def test_many_faults_of_a_kind_are_counted(out: Path) -> None:
    for number in range(MOST + 5):
        (out / f"more{number:02d}").touch()
    faults = faults_of(out, sample=0)
    assert len(faults) == MOST + 1
    assert faults[-1] == "... and 5 more like these"


# --- shards --------------------------------------------------------------------------------------


@pytest.mark.parametrize("covered", [False, True])
def test_swapped_shards(out: Path, covered: bool) -> None:
    first, second, _ = tars(out)
    swap(first, second)
    if covered:  # the offsets too: each shard is whole in itself
        swap(first.with_suffix(".tar.idx"), second.with_suffix(".tar.idx"))
        forge(out)
        found(out, f"{first.name}: its keys are not those of the manifest's rows, in order")
        found(out, "is not where the offsets say", sample=24)
    else:
        assert sum("its SHA-256 is not" in fault for fault in faults_of(out)) == 2


def test_shards_whose_names_are_swapped_too(out: Path) -> None:
    def swapped(manifest: dict[str, Any]) -> None:
        shards = manifest["shards"]
        shards[0], shards[1] = shards[1], shards[0]

    forge(out, swapped)
    found(out, "build_sha256 is not the digest of its shards' jobs", sample=0)
    found(out, "shard 0 is 'shards/", sample=0)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda offsets: offsets + np.uint64(1), "samples"),
        (lambda offsets: offsets + np.uint64(512), "samples"),
        (lambda offsets: offsets[:-1], "64 bytes, 72 for 8 samples"),
        (lambda offsets: offsets[::-1].copy(), "samples"),
        (lambda offsets: np.full_like(offsets, 2**64 - 1), "samples"),
        (lambda offsets: np.r_[offsets[:3], offsets[3] + np.uint64(512), offsets[4:]], "samples"),
    ],
)
def test_wrong_offsets(out: Path, change: Callable[[Any], Any], expected: str) -> None:
    index = tars(out)[0].with_suffix(".tar.idx")
    index.write_bytes(change(np.frombuffer(index.read_bytes(), "<u8")).tobytes())
    forge(out)
    found(out, f"{index.name}: ")
    found(out, expected)
    # without the tar, all but an offset that may be right can be told; that one when it is used
    found(out, "", sample=24)


@pytest.mark.slow
@pytest.mark.parametrize("task", TASKS)
def test_a_colour_that_the_task_cannot_draw(out: Path, task: str) -> None:
    changed = []

    def change(key: str, parts: dict[str, bytes]) -> None:
        if json.loads(parts["json"])["task"] == task and not changed:
            pixels = images.decode_rgb(parts["target.png"])
            pixels[0, 0] = (77, 78, 79)
            parts["target.png"] = encode_png(pixels)
            changed.append(key)

    for tar in tars(out):
        rewrite(tar, change)
    forge(out)
    faults = faults_of(out)
    wanted = f"{changed[0]}: target.png has 1 pixels in colours that {task} cannot draw"
    assert [fault.endswith(wanted) for fault in faults] == [True]
    assert faults_of(out, sample=24) == faults


PIXELS = np.zeros((4, 4, 3), np.uint8)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("extension", "data", "expected"),
    [
        ("instruction.txt", b"Do it.", "instruction.txt is empty or not the manifest's"),
        ("instruction.txt", b"\xff\xfe", "instruction.txt: 'utf-8' codec can't decode"),
        ("input.jpg", images.encode_jpeg(PIXELS), "input.jpg is 4x4"),
        ("valid.png", encode_png(PIXELS[..., 0]), "valid.png is 4x4"),
        ("target.png", b"not a png", "undecodable"),
        ("target.png", b"", "truncated"),
        ("json", b"{", "json: Expecting property name"),
        ("json", b'{"task": "dept"}', "json and manifest differ in blank_input, crop_left"),
        ("json", b"[" * 100_000, "json: maximum recursion depth"),
        ("json", b"9" * 100_000, "json: Exceeds the limit"),
        ("json", b"[]", "json is not an object"),
        ("input.png", b"", "members"),
    ],
)
def test_a_member_that_is_not_right(out: Path, extension: str, data: bytes, expected: str) -> None:
    rewrite(tars(out)[1], lambda key, parts: parts.update({extension: data}))
    forge(out)
    found(out, expected)
    found(out, expected, sample=24)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda valid: valid // 2, "valid.png has values besides 0 and 255"),
        (lambda valid: np.where(np.indices(valid.shape)[0] == 0, 0, 255), "in its row"),
    ],
)
def test_a_wrong_mask(out: Path, change: Callable[[Any], Any], expected: str) -> None:
    def changed(_: str, parts: dict[str, bytes]) -> None:
        if "valid.png" in parts:
            mask = change(images.decode_png_raw(parts["valid.png"]))
            parts["valid.png"] = encode_png(mask.astype(np.uint8))

    rewrite(tars(out)[1], changed)
    forge(out)
    found(out, expected)


def test_an_input_that_should_be_blank(out: Path) -> None:
    def changed(_: str, parts: dict[str, bytes]) -> None:
        if json.loads(parts["json"])["blank_input"]:
            black = images.decode_rgb(parts["input.jpg"])
            parts["input.jpg"] = images.encode_jpeg(black + np.uint8(200))

    for tar in tars(out):
        rewrite(tar, changed)
    forge(out)
    found(out, "input.jpg is not black, as its row says")


@pytest.mark.slow
def test_a_duplicate_key(out: Path) -> None:
    tar = tars(out)[0]
    samples = [(m.key, m.extension, m.data) for m in members(tar)]
    keys = sorted({key for key, _, _ in samples})
    for order in ([keys[0], *keys], [*keys, keys[0]]):
        with TarWriter(tar) as writer:
            for key in order:
                writer.add(key, {e: d for k, e, d in samples if k == key})
        tar.with_suffix(".tar.idx").write_bytes(writer.index())
        forge(out)
        assert faults_of(out), order
    found(out, "its keys are not those of the manifest's rows, in order")


@pytest.mark.slow
def test_a_tar_with_something_else_in_it(out: Path) -> None:
    tar = tars(out)[0]
    data = tar.read_bytes()
    for changed in (data[:-1024], data + b"more", b"\xff" * 512 + data, b"", data[:700]):
        tar.write_bytes(changed)
        forge(out)
        assert any(tar.name in fault for fault in faults_of(out))


def test_a_key_that_would_obey_the_terminal(out: Path) -> None:
    data = tars(out)[0].read_bytes().replace(b"00000000.", b"\x1b[31m000.")
    tars(out)[0].write_bytes(data)
    forge(out)
    assert all(fault.isprintable() for fault in faults_of(out))


# --- the manifest --------------------------------------------------------------------------------


def test_an_edited_manifest(out: Path) -> None:
    manifest = manifest_of(out)
    manifest["licenses"] = {"CC0-1.0": 24}
    (out / "manifest.json").write_bytes(canonical(manifest))
    found(out, "it was edited", sample=0)
    found(out, "manifest.json: its SHA-256 is not the one in SHA256SUMS", sample=0)


def put(*place: Any) -> Callable[[dict[str, Any]], None]:
    """A change of the manifest: put(key, key, ..., value); a function is called with the old."""
    *keys, last, value = place

    def change(manifest: dict[str, Any]) -> None:
        part: Any = manifest
        for key in keys:
            part = part[key]
        part[last] = value(part[last]) if callable(value) else value

    return change


def more(number: Any) -> Any:
    return number + 1


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (put("samples", more), "samples is 25, its parts add up to 24"),
        (put("bytes", more), "bytes is "),
        (put("shortfall", more), "shortfall is 1"),
        (put("name", "other"), "name or split are not the recipe's"),
        (put("build_sha256", "0" * 64), "build_sha256 is not"),
        (put("shards", 0, "sha256", "0" * 64), "in manifest.json is not the one in SHA256SUMS"),
        (put("shards", 0, "md5", "0" * 32), "its MD5 is not the one"),
        (put("members", "target.png", more), "members.target is 24, its parts add up to"),
        (put("shards", 0, "bytes", more), "bytes, "),
        (put("shards", 0, "samples", more), "its parts add up to"),
        (put("shards", 0, "samples", 10**9), "more than shard_size"),
        (put("shards", 0, "tar", "../../../etc/passwd"), "shard 0 is '../../../etc/passwd'"),
        (put("cells", 0, "realised", more), "its parts add up to"),
        (put("cells", 0, "unique", more), "unique and repeated do not add up"),
        (put("cells", 0, "share", "0.5"), "its share is not the recipe's"),
        (put("cells", 0, "quarantined", 1), "0 lines of coco / semantic, 1 in manifest.json"),
        (put("cells", 0, "source", "coco2"), "its cells are not those of the recipe"),
        (put("quarantine", {"missing": 3}), "its reasons are not those"),
        (put("licenses", 0, "samples", more), "do not add up"),
        (put("licenses", 0, "license", "CC0-1.0"), "its licences are not those of the rows"),
        (put("licenses", 0, "commercial", lambda old: not old), "has commercial = "),
        (put("roundtrip", "depth", "mean", 0.0), "its round-trip errors are not those"),
        (put("roundtrip", "depth", "tolerance", 0.0), "does not decode within its tolerance"),
        (put("holdout", []), "its held-out sets are not those of the recipe"),
        (put("holdout", 0, "sha256", "0" * 64), "are not those of the manifest"),
        (put("sources", 0, "dataset", "kitti"), "its sources are not those of the recipe"),
        (put("recipe", "seed", more), "its seed is 7, the recipe's 8"),
        (put("recipe", "shard_size", 9), "not a key of shard 1"),
        (put("recipe", "image", "multiple_of", 1000), "is no size that the recipe allows"),
        (put("recipe", "image", "size", [17, 16]), "is no size that the recipe allows"),
        (put("recipe", "licence_policy", "commercial"), "is not commercial"),
        (put("recipe", "sources", "coco", "tasks", "semantic", "0.9"), "its share is not"),
        (put("recipe", "samples", more), "recipe.samples is 25"),
        (put("format", 2), "of format 2, this vbdata reads 1"),
        (put("split", "../../etc"), "split: String should match pattern"),
        (put("samples", "24"), "samples: Input should be a valid integer"),
        (put("shards", 0, "tar", None), "shards.0.tar: Input should be a valid string"),
        (put("cells", {}), "cells: Input should be a valid list"),
        (put("bytes", 10**400), "bytes: "),
    ],
)
def test_a_manifest_that_was_edited_and_signed_again(
    out: Path, change: Callable[[dict[str, Any]], None], expected: str
) -> None:
    forge(out, change)
    found(out, expected, **({} if "MD5" in expected else {"sample": 0}))


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"null", b"{", b"[" * 10**6, b'{"a": ' + b"9" * 10**5 + b"}", b"\xff"]
)
def test_a_manifest_that_is_none(out: Path, data: bytes) -> None:
    (out / "manifest.json").write_bytes(data)
    write_sums(out, sums(out))
    (fault,) = faults_of(out, sample=0)
    assert fault.startswith("manifest.json: ")


def test_a_quarantine_that_is_none(out: Path) -> None:
    (out / "quarantine" / "quarantine.jsonl").write_bytes(b'{"stage": [' + b"[" * 10**6)
    write_sums(out, sums(out))
    found(out, "quarantine/quarantine.jsonl: cannot be read", sample=0)


# --- the rows ------------------------------------------------------------------------------------


def edit(**changes: Any) -> Callable[[list[dict[str, Any]]], None]:
    """Change the third row of a shard."""
    return lambda rows: rows[2].update(changes)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (edit(key="00000009"), "00000009: the key stands more than once"),
        (edit(key="00000000"), "00000000: not a key of shard 1"),
        (edit(key="../../x"), "../../x: not a key of shard 1"),
        (lambda rows: rows.insert(0, rows.pop()), "keys rise"),
        (lambda rows: rows.pop(), "7 rows of shard 1, 8 in manifest.json"),
        (lambda rows: rows.append(rows[0]), "9 rows of shard 1, 8 in manifest.json"),
        (edit(shard=0), "its row says shard 0, it stands in those of 1"),
        (edit(task="depht"), "rows of a cell that manifest.json does not have"),
        (edit(dataset="kitti2"), "which the manifest does not say"),
        (lambda rows: [row.update(sample_id="another") for row in rows], "records, "),
        (edit(license="CC0-1.0"), "its licences are not those of the rows"),
        (edit(roundtrip_error=0.4), "its round-trip errors are not those"),
        (edit(seed=8), "its seed is 8, the recipe's 7"),
        (edit(width=0), "0x"),
        (edit(crop_left=10**6), "is no part of"),
        (edit(valid_share=float("nan")), "nan of its pixels are valid"),
    ],
)
def test_edited_rows(
    out: Path, change: Callable[[list[dict[str, Any]]], object], expected: str
) -> None:
    rerow(out, change)
    forge(out)
    found(out, expected, sample=0)


@pytest.mark.slow
@pytest.mark.parametrize(
    "change",
    [
        edit(params="{"),
        edit(params="[" * 10**5),
        edit(params='{"palette": 3, "legend": 4}'),
        edit(params="[]"),
        edit(params="{}"),
        edit(instruction="Something else."),
        edit(task="generate", source="coco"),
    ],
)
def test_rows_that_only_the_samples_contradict(
    out: Path, change: Callable[[list[dict[str, Any]]], object]
) -> None:
    rerow(out, change)
    forge(out)
    key = manifest_of(out)["shards"][1]["tar"] + ": 00000010: "
    found(out, key)
    found(out, key, sample=24)


def test_an_overlap_with_a_holdout(out: Path) -> None:
    """The forger holds the group out in the list, too, and makes every sum fit."""
    group = table_of(out)["group"][9].as_py()
    lines = sorted([*(out / HOLDOUT).read_text().splitlines(), f"kitti-eigen-test\t{group}"])
    (out / HOLDOUT).write_text("".join(f"{line}\n" for line in lines))
    groups = [line.partition("\t")[2] for line in lines]

    def listed(manifest: dict[str, Any]) -> None:
        digest = hashlib.sha256("\n".join(groups).encode()).hexdigest()
        manifest["holdout"][0] |= {"groups": len(groups), "sha256": digest}

    forge(out, listed)
    faults = faults_of(out, sample=0)
    assert f"00000009: its group {group} is held out by kitti-eigen-test" in faults
    (out / HOLDOUT).write_text((out / HOLDOUT).read_text() + f"another\t{group}\n")
    forge(out, listed)
    found(out, "'another' is no set of the manifest", sample=0)


def test_a_sample_of_a_held_out_group(out: Path) -> None:
    """Row and json name a held-out group, and every sum fits."""
    held = (out / HOLDOUT).read_text().splitlines()[0].partition("\t")[2]
    key = table_of(out)["key"][10].as_py()
    rerow(out, edit(group=held))

    def change(each: str, parts: dict[str, bytes]) -> None:
        if each == key:
            facts = json.loads(parts["json"]) | {"group": held}
            parts["json"] = json.dumps(facts, sort_keys=True, separators=(",", ":")).encode()

    rewrite(tars(out)[1], change)
    forge(out)
    assert faults_of(out) == [f"{key}: its group {held} is held out by kitti-eigen-test"]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda table: table.drop_columns(["params"]), "lacking ['params: string']"),
        (lambda table: table.append_column("more", table["key"]), "columns ['more: string']"),
        (lambda table: table.select(table.column_names[::-1]), "in another order"),
        (
            lambda table: table.set_column(10, "width", table["width"].cast(pa.string())),
            "columns ['width: string']",
        ),
        (
            lambda table: table.set_column(0, "key", pa.array([None] * len(table), pa.string())),
            "nulls in key",
        ),
        (
            lambda table: table.set_column(
                0, "key", pa.array(["x" * (17 << 20)] + ["y"] * (len(table) - 1), pa.string())
            ),
            "a text of 17825792 bytes in key",
        ),
    ],
)
def test_rows_of_other_columns(
    out: Path, change: Callable[[pa.Table], pa.Table], expected: str
) -> None:
    table = change(table_of(out))
    pq.write_table(table, out / "manifest" / "train.parquet", row_group_size=8)
    forge(out)
    found(out, expected, sample=0)


@pytest.mark.slow
@pytest.mark.parametrize("size", [1, 3, 8, 20, 100])
def test_rows_are_found_however_the_groups_lie(out: Path, size: int) -> None:
    path = out / "manifest" / "train.parquet"
    assert pq.ParquetFile(path).num_row_groups == 1, "three small shards share one"
    pq.write_table(table_of(out), path, row_group_size=size)
    forge(out)
    assert faults_of(out) == []
    assert examine(Folder(str(out)), sample=5).faults == ()
    rows = [open_build(Folder(str(out))).shard_rows(number) for number in range(3)]
    assert [len(each) for each in rows] == [8, 8, 8]
    assert [row for each in rows for row in each] == table_of(out).to_pylist()


def test_rows_of_no_shard(out: Path) -> None:
    more = table_of(out).slice(0, 1).to_pylist()
    more[0]["shard"] = 7
    table = pa.concat_tables([table_of(out), pa.Table.from_pylist(more, ROWS)])
    pq.write_table(table, out / "manifest" / "train.parquet")
    forge(out)
    found(out, "25 rows, 24 in manifest.json", sample=0)


def test_rows_after_the_last_shard(out: Path) -> None:
    path = out / "manifest" / "train.parquet"
    groups = [table_of(out).slice(first, 8) for first in (0, 8, 16, 16)]
    with pq.ParquetWriter(path, ROWS) as writer:
        for group in groups:
            writer.write_table(group)
    forge(out)
    found(out, "16 rows of shard 2, 8 in manifest.json", sample=0)


@pytest.mark.parametrize(
    ("most", "expected"),
    [(1_000, "row group 0 is larger than 1000 bytes"), (500_000, "bytes of text in instruction")],
)
def test_rows_that_would_fill_the_memory(
    out: Path, most: int, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One long text, once in the file: a dictionary of one entry, eight rows of each shard."""
    table = table_of(out)
    texts = pa.array(["x" * 100_000] * len(table), pa.string())
    table = table.set_column(table.column_names.index("instruction"), "instruction", texts)
    pq.write_table(table, out / "manifest" / "train.parquet", row_group_size=8)
    forge(out)
    monkeypatch.setattr(manifest_rows, "MOST_BYTES", most)
    found(out, expected)


@pytest.mark.parametrize("data", [b"", b"PAR1", b"PAR1" + bytes(100) + b"PAR1", b"{}" * 1000])
def test_rows_that_are_no_parquet(out: Path, data: bytes) -> None:
    (out / "manifest" / "train.parquet").write_bytes(data)
    forge(out)
    found(out, "manifest/train.parquet: cannot be read", sample=0)


@pytest.mark.slow
def test_a_parquet_of_damaged_numbers(out: Path) -> None:
    """Whatever a byte of its metadata says, the answer is a fault."""
    path = out / "manifest" / "train.parquet"
    kept = path.read_bytes()
    (length,) = struct.unpack("<I", kept[-8:-4])
    rng = np.random.default_rng(0)
    for at in rng.integers(len(kept) - 8 - length, len(kept) - 8, 60):
        data = bytearray(kept)
        data[at] = rng.integers(256)
        path.write_bytes(bytes(data))
        forge(out)
        faults_of(out, sample=0)


# --- where, how fast, and what is said -----------------------------------------------------------


@pytest.mark.slow
def test_the_report_does_not_depend_on_workers(out: Path) -> None:
    rewrite(tars(out)[1], lambda key, parts: parts.update({"json": b"{"}))
    flip(tars(out)[2])
    steps: list[tuple[int, int]] = []
    two = examine(Folder(str(out)), workers=2, step=lambda *step: steps.append(step))
    assert two == examine(Folder(str(out)))
    assert len(two.faults) > 8
    assert steps == [(0, 3), (1, 3), (2, 3), (3, 3)]


@pytest.mark.slow
def test_the_sample_is_chosen_by_the_seed(out: Path) -> None:
    """Damage in every sample is found in those that are read, and they are spread."""
    for tar in tars(out):
        rewrite(tar, lambda key, parts: parts.update({"instruction.txt": b"x"}))
    forge(out)

    def read(sample: int, seed: int) -> list[str]:
        faults = faults_of(out, sample=sample, seed=seed)
        return [fault.split(": ")[1] for fault in faults]

    assert read(6, 0) == read(6, 0) == sorted(read(6, 0))
    assert len({tuple(read(6, seed)) for seed in range(5)}) > 1
    assert [int(key) // 4 for key in read(6, 3)] == list(range(6)), "one of each four"
    assert len(read(24, 0)) == len(read(100, 0)) == 24
    report = examine(Folder(str(out)), sample=6)
    assert report.unread[0] == "18 of 24 samples"
    assert "the SHA-256 of 3 tars" in report.unread[1]


@pytest.fixture
def in_memory(out: Path) -> Iterator[str]:
    url = upload(out, "memory://verify/out")
    yield url
    fsspec.filesystem("memory").rm("/verify", recursive=True)


@pytest.mark.slow
def test_a_build_behind_a_url(in_memory: str, out: Path) -> None:
    assert examine(Folder(in_memory), workers=2) == examine(Folder(str(out)))
    flip(tars(out)[0])
    folder = Folder(in_memory)
    folder.write(str(tars(out)[0].relative_to(out)), tars(out)[0].read_bytes())
    assert verify(folder) == faults_of(out) != []


@pytest.mark.slow
def test_a_sample_of_a_build_on_s3_is_read_by_range(s3: Log, whole: Path) -> None:
    folder = Folder(upload(whole, "s3://data/verify/out"))
    s3.clear()
    report = examine(folder, sample=3)
    assert (report.faults, report.read) == ((), 3)
    asked = [line for line in s3.asked if ".tar " in line]
    assert len(asked) == 3
    assert not [line for line in s3.asked if line.startswith("GET") and line.endswith(".tar")]
    size = manifest_of(whole)["bytes"]
    assert report.bytes < size / 4
    whole_report = examine(folder)
    assert (whole_report.faults, whole_report.bytes) == ((), size)


@pytest.mark.slow
def test_the_command(out: Path) -> None:
    assert run("verify", str(out), "--workers", "1").stdout == f"{out}: whole\n"
    sampled = run("verify", str(out), "--sample", "4")
    assert sampled.exit_code == 0
    assert "not read: 20 of 24 samples; the SHA-256 of 3 tars" in sampled.stdout
    assert sampled.stdout.endswith(f"{out}: no fault in what was read\n")
    flip(tars(out)[0])
    failed = run("verify", str(out), "--json", "--workers", "1")
    assert failed.exit_code == 1
    said = json.loads(failed.stdout)
    assert not said["ok"]
    assert (said["shards"], said["samples"], said["unread"]) == (3, 24, [])
    assert len(said["faults"]) >= 1


def test_code_that_has_changed_since_is_said(out: Path) -> None:
    forge(out, put("code", "tasks", "depth", "0" * 64))
    report = examine(Folder(str(out)), sample=0)
    assert report.faults == ()
    assert report.notes == (
        "the code of depth has changed since; its colours were judged by today's",
    )
