"""A check of every store: what it says of an object's content when it lists and when it reads."""

from __future__ import annotations

import pytest

from vbdata.errors import BadSample
from vbdata.shard.reads import Reads
from vbdata.storage.folder import Folder


def check_replaced(url: str) -> None:
    """An object that is replaced by another of the same size is not the one that was listed."""
    folder = Folder(url)
    folder.write("a.bin", b"one" * 100)
    folder.write("b.bin", b"two" * 100)
    listed = list(folder.files())
    known = Reads(folder, listed)
    assert known.read("a.bin") == b"one" * 100
    assert known.read_range("b.bin", 3, 3) == b"two"
    folder.write("a.bin", b"eno" * 100)
    folder.write("b.bin", b"owt" * 100)
    for ask in (lambda r: r.read("a.bin"), lambda r: r.read_range("b.bin", 3, 3)):
        with pytest.raises(BadSample, match=r"changed: it has \w+ \S+, and had \w+ \S+ when"):
            ask(Reads(folder, listed))
    folder.write("b.bin", b"two" * 101)
    with pytest.raises(BadSample, match=r"changed: it has 303 bytes, and had 300"):
        Reads(folder, listed).read_range("b.bin", 3, 3)
