"""The digests in a receipt are of the very bytes: of the tar, of its pictures, of what was read."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from vbdata.core import members
from vbdata.shard.made import pictures_sha256
from vbdata.shard.reads import Reads
from vbdata.shard.tar import SMALL, TarWriter
from vbdata.shard.tar import members as read_members
from vbdata.storage.folder import Folder


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("size", [0, 1, SMALL, SMALL + 1, 3 * SMALL + 7])
def test_a_tar_sums_members_along_with_itself(tmp_path: Path, size: int) -> None:
    data = np.random.default_rng(size).bytes(size)
    sample = {"a.jpg": data, "b.png": data[::-1], "json": b"{}"}
    with TarWriter(tmp_path / "one.tar") as tar:
        assert tar.add("0", sample, ("a.jpg", "json")) == {
            "a.jpg": sha256(data),
            "json": sha256(b"{}"),
        }
        assert tar.add("1", sample) == {}
    assert tar.sha256 == sha256((tmp_path / "one.tar").read_bytes())
    assert [member.data for member in read_members(tmp_path / "one.tar")] == 2 * [
        data,
        data[::-1],
        b"{}",
    ]


def test_receipts_of_a_build(demo_build: Path) -> None:
    passed = 0
    for file in (demo_build / "receipts").glob("*.json"):
        receipt = json.loads(file.read_text())
        tar = demo_build / receipt["tar"]
        assert receipt["sha256"] == sha256(tar.read_bytes())
        samples: dict[str, dict[str, bytes]] = {}
        for member in read_members(tar):
            samples.setdefault(member.key, {})[member.extension] = member.data
        for line in receipt["samples"]:
            pictures = {name: samples[line["key"]][name] for name in line["pictures"]}
            assert line["pictures_sha256"] == pictures_sha256(pictures)
            reads = json.loads(line["reads"])
            target = pictures[members.named(pictures, members.TARGET)]
            if [kind for kind, *_ in reads] == ["read"] and reads[0][-1] == len(target):
                assert line["raw_sha256"] == sha256(target)
                passed += 1
    assert passed


def test_bytes_that_are_all_that_was_read(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"0123456789")
    reads = Reads(Folder(str(tmp_path)))
    first = reads.read("a")
    assert reads.is_all(first)
    assert not reads.is_all(bytes(bytearray(first)))
    second = reads.read_range("a", 8, 2)
    assert not reads.is_all(first)
    assert not reads.is_all(second)
    assert reads.bytes_sha256 == sha256(first + second)
