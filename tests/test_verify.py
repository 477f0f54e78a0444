"""verify finds what was planted, and finds nothing in a whole build."""

from __future__ import annotations

import hashlib
import json
import shutil
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import manifest_of

from vbdata import images
from vbdata.errors import BuildError
from vbdata.manifest import canonical, manifest_digest
from vbdata.png import encode_png
from vbdata.storage import Folder
from vbdata.tar import TarWriter, members
from vbdata.verify import verify


@pytest.fixture
def out(demo_build: Path, tmp_path: Path) -> Path:
    shutil.copytree(demo_build, tmp_path / "out")
    return tmp_path / "out"


def tars(out: Path) -> list[Path]:
    return sorted(out.glob("shards/*/*.tar"))


def resum(out: Path) -> None:
    """What a careful forger does: make SHA256SUMS and manifest.json fit the files again."""
    manifest = manifest_of(out)
    for shard in manifest["shards"]:
        shard["sha256"] = hashlib.sha256((out / shard["tar"]).read_bytes()).hexdigest()
    manifest["digest"] = manifest_digest(manifest)
    (out / "manifest.json").write_bytes(canonical(manifest))
    paths = [line.split("  ")[1] for line in (out / "SHA256SUMS").read_text().splitlines()]
    digests = [hashlib.sha256((out / path).read_bytes()).hexdigest() for path in paths]
    lines = [f"{digest}  {path}\n" for digest, path in zip(digests, paths, strict=True)]
    (out / "SHA256SUMS").write_text("".join(lines))


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


def test_a_whole_build_is_whole(out: Path) -> None:
    assert verify(Folder(str(out))) == []
    subprocess.run(["sha256sum", "--quiet", "-c", "SHA256SUMS"], cwd=out, check=True)


def test_no_build_at_all(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="holds no finished build"):
        verify(Folder(str(tmp_path)))


def test_a_flipped_byte(out: Path) -> None:
    data = bytearray(tars(out)[1].read_bytes())
    data[len(data) // 2] ^= 1
    tars(out)[1].write_bytes(bytes(data))
    assert any("its SHA-256 is not the one" in fault for fault in verify(Folder(str(out))))


def test_a_missing_and_an_extra_file(out: Path) -> None:
    tar = tars(out)[2]
    tar.rename(tar.with_name("train-00003-of-00003.tar"))
    faults = verify(Folder(str(out)))
    assert any(f.endswith("train-00002-of-00003.tar: missing") for f in faults)
    assert any("train-00003-of-00003.tar: not part of the build" in f for f in faults)


def test_swapped_shards_with_mended_sums(out: Path) -> None:
    first, second, _ = tars(out)
    data = first.read_bytes(), second.read_bytes()
    second.write_bytes(data[0])
    first.write_bytes(data[1])
    resum(out)
    assert any("its keys are not those" in fault for fault in verify(Folder(str(out))))


def test_an_edited_manifest(out: Path) -> None:
    manifest = manifest_of(out)
    manifest["licenses"] = {"CC0-1.0": 96}
    (out / "manifest.json").write_bytes(canonical(manifest))
    faults = verify(Folder(str(out)))
    assert any("it was edited" in fault for fault in faults)


def test_an_index_off_by_one(out: Path) -> None:
    index = tars(out)[0].with_suffix(".tar.idx")
    offsets = np.frombuffer(index.read_bytes(), "<u8")
    index.write_bytes(struct.pack(f"<{len(offsets)}Q", *(offsets + np.uint64(1))))
    resum(out)
    assert any("the offsets are not" in fault for fault in verify(Folder(str(out))))


@pytest.mark.parametrize("task", ["depth", "normals", "semantic", "instance"])
def test_a_colour_that_the_task_cannot_draw(out: Path, task: str) -> None:
    changed = []

    def change(key: str, parts: dict[str, bytes]) -> None:
        if json.loads(parts["json"])["task"] == task and not changed:
            pixels = images.decode_rgb(parts["target.png"])
            pixels[0, 0] = (77, 78, 79)
            parts["target.png"] = encode_png(pixels)
            changed.append(key)

    rewrite(tars(out)[0], change)
    resum(out)
    faults = verify(Folder(str(out)))
    wanted = f"{changed[0]}: target.png has 1 pixels in colours that {task} cannot draw"
    assert any(fault.endswith(wanted) for fault in faults)


@pytest.mark.parametrize(
    ("extension", "data", "expected"),
    [
        (
            "instruction.txt",
            b"Do something else.",
            "instruction.txt is empty or not the manifest's",
        ),
        ("input.jpg", images.encode_jpeg(np.zeros((4, 4, 3), np.uint8)), "input.jpg is 4x4"),
        ("valid.png", encode_png(np.full((4, 4), 255, np.uint8)), "valid.png is 4x4"),
        ("json", b"{", "Expecting property name"),
        ("json", b'{"task": "dept"}', "json and manifest differ in task"),
        ("target.png", b"not a png", "undecodable"),
        ("input.png", b"", "members"),
    ],
)
def test_a_member_that_is_not_right(out: Path, extension: str, data: bytes, expected: str) -> None:
    rewrite(tars(out)[1], lambda key, parts: parts.update({extension: data}))
    resum(out)
    assert any(expected in fault for fault in verify(Folder(str(out))))


def test_a_duplicate_key(out: Path) -> None:
    seen: list[bytes] = []
    tar = tars(out)[0]
    samples = [(m.key, m.extension, m.data) for m in members(tar)]
    keys = sorted({key for key, _, _ in samples})
    with TarWriter(tar) as writer:
        for key in [keys[0], *keys]:
            writer.add(key, {e: d for k, e, d in samples if k == key})
            seen.append(key.encode())
    tar.with_suffix(".tar.idx").write_bytes(writer.index())
    resum(out)
    assert verify(Folder(str(out)))
