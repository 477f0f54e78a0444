"""Listings as columns say what the files say one by one."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from vbdata.core.types import FileRef
from vbdata.errors import SourceError
from vbdata.index.cache import Traced
from vbdata.sources.open import open_root
from vbdata.storage import filelist
from vbdata.storage.filelist import FileList, combined, in_several, listed
from vbdata.storage.folder import Folder
from vbdata.storage.root import clutter, without_clutter


def test_of_files_of_one_path_the_first_list_has_size_and_tag(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(filelist, "BLOCK", 2)
    upper = listed({"b": 1, "a": 2, "d": 5})
    lower = listed({"b": 3, "c": 4}, {"b": "old", "c": "new"}, others=True)
    both = combined([upper, lower])
    expected = [("a", 2, ""), ("b", 1, ""), ("c", 4, "new"), ("d", 5, "")]
    assert [(f.path, f.size, f.tag) for f in both] == expected
    assert (both.others, len(both), in_several([upper, lower])) == (True, 4, ["b"])
    moved = combined([lower, upper]).moved("x/y")
    assert [(f.path, f.size, f.tag) for f in moved][1] == ("x/y/b", 3, "old")
    assert next(iter(moved)) == FileRef(path="x/y/a", size=2)
    assert list(FileList()) == []


@pytest.mark.parametrize(
    "path",
    ["a._b", "a/._b", "__MACOSX/a", "a__macosx", "__maco\u017fx/a", "é/Thumbs.DB", "a\n/._b"],
)
def test_clutter_is_found_among_many_as_it_is_alone(path: str) -> None:
    others = ["train/1.jpg", "a.png"]
    kept = others if clutter(path) else [*others, path]
    assert list(without_clutter([*others, path])) == kept


def test_the_digest_of_a_listing_is_that_of_its_lines(tmp_path: Path) -> None:
    names = ["a b ", "a\nb", "b", "\u00e9/c", os.fsdecode(b"bad\xff")]
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"12")
    traced = Traced(Folder(str(tmp_path)))
    lines = [f"2 {file.path}".rstrip() + "\n" for file in traced.files()]
    assert len(lines) == len(names)
    expected = hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()
    assert list(traced.trace.values()) == [expected]


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("nowhere")])
def test_an_archive_that_is_no_file_is_said_whatever_is_asked_first(
    tmp_path: Path, make: object
) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a").write_bytes(b"1")
    make(tmp_path / "sub" / "x.zip")  # type: ignore[operator]
    for ask in (lambda root: root.listing("sub"), lambda root: root.exists("sub/b")):
        with pytest.raises(SourceError, match=r"x\.zip"):
            ask(open_root([str(tmp_path)]))


def test_a_folder_of_files_alone_is_looked_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sub" / "deep").mkdir(parents=True)
    (tmp_path / "sub" / "a").write_bytes(b"1")
    (tmp_path / "sub" / "deep" / "b").write_bytes(b"1")
    root, looked = open_root([str(tmp_path)]), list[str]()
    names = Folder.names
    monkeypatch.setattr(Folder, "names", lambda f, at="": looked.append(at) or names(f, at))
    assert root.listing("sub").paths == ["sub/a", "sub/deep/b"]
    assert not root.exists("sub/c")
    assert looked == [""]
