"""Hostile and damaged data: every reason, bombs that cost nothing, pickles that run nothing."""

from __future__ import annotations

import os
import pickle
import re
import struct
import sys
import time
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from PIL import Image

from pipelines.formats import plain_pickle
from tests.helpers.builds import REPOSITORY
from tests.helpers.fuzzing.files import HTML, chunk, png_of, saved
from tests.helpers.fuzzing.values import bombs, exploits
from vbdata.core import images, jpeg, png_read
from vbdata.errors import LONGEST, REASONS, BadSample, Reason, SourceError
from vbdata.shard.tar import LARGEST, header, members
from vbdata.storage.folder import Folder

PICTURE = np.indices((48, 64)).sum(0).astype(np.uint8)[..., None].repeat(3, 2)
PHOTO = Image.fromarray(PICTURE)
ROWS = b"".join(b"\0" + row.tobytes() for row in PICTURE)
JPEG = saved(PHOTO, "JPEG", quality=90)
PROGRESSIVE = saved(PHOTO, "JPEG", progressive=True)
PNG = png_of(64, 48, 8, 2, ROWS)
PALETTE = saved(PHOTO.convert("P"), "PNG", transparency=3)


def test_every_reason_is_explained_in_a_line() -> None:
    assert tuple(REASONS) == get_args(Reason)
    for reason, line in REASONS.items():
        assert 20 < len(line) < 100 - len(reason)
        assert "\n" not in line


def test_every_reason_that_is_raised_is_one_and_every_one_is_raised() -> None:
    ours = [REPOSITORY / name for name in ("vbdata", "pipelines", "transforms")]
    sources = [path for folder in ours for path in folder.rglob("*.py")]
    text = "\n".join(path.read_text() for path in sources if path.name != "errors.py")
    raised = set(re.findall(r"""BadSample\(\s*"([^"]*)",""", text))
    assert raised <= set(REASONS)
    for reason in set(REASONS) - raised:
        assert f'"{reason}' in text or f"{reason}: " in text, f"{reason} is never raised"


def test_a_message_about_a_record_is_short_and_survives_a_pickle() -> None:
    bad = BadSample("missing", "x" * 100_000, "y" * 100_000)
    assert len(bad.detail) <= LONGEST
    assert bad.args == BadSample(*bad.args).args
    assert "(100000 characters)" in bad.detail
    again = pickle.loads(pickle.dumps(bad))
    assert (again.reason, again.detail, again.file) == (bad.reason, bad.detail, bad.file)


def refused(verb: Callable[[bytes, str], Any], data: bytes) -> str:
    """The reason for which a file is refused, within a second of this process's time."""
    start = time.process_time()
    with pytest.raises(BadSample) as caught:
        verb(data, "a/b")
    assert time.process_time() - start < 1
    assert caught.value.file == "a/b"
    return caught.value.reason


def with_frame(width: int, height: int, data: bytes = JPEG) -> bytes:
    """A JPEG whose header says another size."""
    at = re.search(rb"\xff[\xc0\xc2]", data)
    assert at
    return data[: at.start() + 5] + struct.pack(">HH", height, width) + data[at.start() + 9 :]


def with_byte(data: bytes, pattern: bytes, offset: int, value: int) -> bytes:
    at = data.index(pattern) + offset
    return data[:at] + bytes([value]) + data[at + 1 :]


JPEGS = {
    "nothing but a start": (b"\xff\xd8", "truncated"),
    "cut in a header": (JPEG[:200], "truncated"),
    "cut in its data": (JPEG[:-80], "truncated"),
    "no end": (JPEG[:-2], "truncated"),
    "a line more declared": (with_frame(64, 49 + 16), "truncated"),
    "fewer lines declared": (with_frame(64, 16), "undecodable"),
    "no line": (with_frame(64, 0), "undecodable"),
    "rubbish between headers": (JPEG[:2] + b"junk" + JPEG[2:], "undecodable"),
    "ended at once": (b"\xff\xd8\xff\xd9" + JPEG, "undecodable"),
    "12 bits": (with_byte(JPEG, b"\xff\xc0", 4, 12), "undecodable"),
    "lossless": (with_byte(JPEG, b"\xff\xc0", 1, 0xC3), "undecodable"),
    "2 components": (with_byte(JPEG, b"\xff\xc0", 9, 2), "undecodable"),
    "sampling of 0": (with_byte(JPEG, b"\xff\xc0", 11, 0), "undecodable"),
    "4 gigapixels": (with_frame(65500, 65500), "too large"),
    "segments without end": (JPEG[:2] + b"\xff\xfe\0\2" * 10**6 + JPEG[2:], "too large"),
    "restarts without end": (JPEG[:2] + b"\xff\xd0" * 10**6 + JPEG[2:], "too large"),
}


# A header may lie about the lines that its scan holds; readers compare it with annotations.
ONLY_IN_PIXELS = ("a line more declared", "fewer lines declared")


@pytest.mark.parametrize("name", JPEGS)
def test_a_bad_jpeg_has_its_reason(name: str) -> None:
    data, reason = JPEGS[name]
    assert refused(images.decode_rgb, data) == reason
    if name in ONLY_IN_PIXELS:
        images.check_jpeg(data)
    else:
        assert refused(images.check_jpeg, data) == reason


def endless(side: int, scans: int) -> bytes:
    """A progressive JPEG that refines the same coefficients again and again."""
    data = saved(Image.new("RGB", (side, side)), "JPEG", progressive=True, subsampling=0)
    last = data[data.rindex(b"\xff\xda") : -2]
    return data[:-2] + last * scans + b"\xff\xd9"


def test_scans_without_end_are_refused_before_they_are_decoded() -> None:
    bomb = endless(1024, 5000)
    assert len(bomb) < 1 << 17
    for verb in (images.jpeg_header, images.check_jpeg, images.decode_rgb):
        assert refused(verb, bomb) == "too large"
    hidden = bomb.replace(b"\xff\xda", b"\xff\x01\xff\xda")  # behind a marker without a length
    assert refused(images.decode_rgb, hidden) == "too large"


def test_the_scans_of_an_honest_file_pass_at_any_size() -> None:
    head = jpeg.read_head(PROGRESSIVE)
    assert not head.single
    jpeg.refuse_endless(PROGRESSIVE, head, images.MAX_PIXELS)
    assert jpeg.read_head(JPEG).single
    alone = with_byte(JPEG, b"\xff\xda", 4, 1)  # of the three components of its frame
    assert not jpeg.read_head(alone).single


def damaged(kind: bytes, data: bytes = PALETTE) -> bytes:
    """A PNG with one flipped bit in a chunk's body."""
    return with_byte(data, kind, 5, data[data.index(kind) + 5] ^ 1)


def packed(extra: int) -> bytes:
    """Image data that go on after the last pixel."""
    return zlib.compress(ROWS + bytes(extra), 9)


def png_with(body: bytes) -> bytes:
    return PNG[:33] + chunk(b"IDAT", body) + chunk(b"IEND", b"")


PNGS = {
    "empty": (b"", "truncated"),
    "cut in its magic": (PNG[:5], "truncated"),
    "cut in its header": (PNG[:30], "truncated"),
    "cut in its data": (PNG[:-40], "truncated"),
    "no end": (PNG[:-12], "truncated"),
    "a length beyond the end": (PNG[:33] + b"\xff\xff\xff\xf0tEXtabc", "truncated"),
    "an error page": (HTML, "undecodable"),
    "a HEIC": (bytes(4) + b"ftypheic" + bytes(20), "undecodable"),
    "a chunk before its header": (PNG[:8] + chunk(b"tEXt", b"a\0b") + PNG[8:], "undecodable"),
    "two headers": (PNG[:33] + PNG[8:33] + PNG[33:], "undecodable"),
    "no data": (PNG[:33] + chunk(b"IEND", b""), "undecodable"),
    "too little data": (png_of(64, 48, 8, 2, ROWS[:2000]), "undecodable"),
    "an unknown filter": (png_of(64, 48, 8, 2, b"\x09" + ROWS[1:]), "undecodable"),
    "an unknown critical chunk": (PNG[:33] + chunk(b"CgBI", b"") + PNG[33:], "undecodable"),
    "no palette": (png_of(64, 48, 8, 3, bytes(65 * 48)), "undecodable"),
    "3 bits": (png_of(64, 48, 3, 2, ROWS), "undecodable"),
    "colour type 5": (png_of(64, 48, 8, 5, ROWS), "undecodable"),
    "no line": (png_of(64, 0, 8, 2, ROWS), "undecodable"),
    **{f"a bit of {k.decode()}": (damaged(k), "undecodable") for k in png_read.DRAWN[:4]},
    "3.6 gigapixels": (png_of(60_000, 60_000, 8, 2, b""), "too large"),
    "a long row": (png_of(1 << 21, 1, 8, 0, bytes(1 + (1 << 21))), "too large"),
    "2^31 rows": (png_of(1, (1 << 31) - 1, 8, 0, b""), "too large"),
    "chunks without end": (PNG[:33] + chunk(b"IDAT", b"") * 70_000 + PNG[33:], "too large"),
}


@pytest.mark.parametrize("name", PNGS)
def test_a_bad_png_has_its_reason(name: str) -> None:
    data, reason = PNGS[name]
    assert refused(images.decode_rgb, data) == reason
    assert refused(images.decode_png_raw, data) == reason


def test_a_jpeg_where_a_png_is_due_is_called_one() -> None:
    with pytest.raises(BadSample, match="undecodable: expected a PNG, found a JPEG"):
        images.decode_png_raw(JPEG)


def test_data_that_go_on_after_the_last_pixel_are_not_inflated_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert (images.decode_rgb(png_with(packed(5000))) == PICTURE).all()
    monkeypatch.setattr(png_read, "FREE", 5000)
    assert refused(images.decode_rgb, png_with(packed(10**7))) == "too large"
    for width, height, interlaced in ((64, 48, 0), (7, 5, 1), (1, 1, 1), (9, 33, 1)):
        header = png_read.Header(width, height, 8, 2)
        assert header.inflated >= raw_size(width, height, interlaced)


def raw_size(width: int, height: int, interlaced: int) -> int:
    """Bytes of the filtered rows of an RGB picture of 8 bits, by the definition of Adam7."""
    grid = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2)]
    size = 0
    for x, y, dx, dy in [*grid, (0, 1, 1, 2)] if interlaced else [(0, 0, 1, 1)]:
        across, down = len(range(x, width, dx)), len(range(y, height, dy))
        size += down * (1 + 3 * across) if across else 0
    return size


@pytest.mark.parametrize("kind", [b"zTXt", b"iCCP", b"iTXt"])
def test_remarks_that_inflate_to_gigabytes_are_not_read(kind: bytes) -> None:
    text = b"a\0\1\0\0\0" if kind == b"iTXt" else b"a\0\0"
    remark = chunk(kind, text + zlib.compress(bytes(7_990_000), 9))
    data = PNG[:33] + remark * 300 + PNG[33:]
    start = time.process_time()
    assert (images.decode_rgb(data) == PICTURE).all()
    assert time.process_time() - start < 0.5


def test_a_file_has_a_bounded_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "MAX_BYTES", 500)
    for data in (JPEG, PNG):
        assert len(data) > 500
        assert refused(images.decode_rgb, data) == "too large"


def test_a_member_that_claims_gigabytes_takes_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    path.write_bytes(header("0.json", LARGEST) + bytes(1024))
    tracemalloc.start()
    with pytest.raises(ValueError, match=r"the archive ends inside '0\.json'"):
        list(members(path))
    assert tracemalloc.get_traced_memory()[1] < 1 << 20
    tracemalloc.stop()


class Audit:
    """Names of the events that the interpreter reports while it listens."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.listens = False
        sys.addaudithook(self._hear)  # never to be removed, so there is one

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.listens:
            self.heard.append(event)


@pytest.fixture(scope="module")
def audit() -> Iterator[Audit]:
    found = Audit()
    yield found
    found.listens = False


EXPLOITS = sorted(exploits(""))


@pytest.mark.parametrize("name", EXPLOITS)
def test_a_pickle_that_would_run_something_is_unsafe_and_runs_nothing(
    name: str, tmp_path: Path, audit: Audit
) -> None:
    mark = tmp_path / "touched"
    data = exploits(str(mark))[name]
    audit.heard.clear()
    audit.listens = True
    with pytest.raises(plain_pickle.UnsafePickle, match=r"opcode [A-Z0-9_]+.* at byte"):
        plain_pickle.plain(data)
    audit.listens = False
    assert not {"pickle.find_class", "os.system"} & set(audit.heard)
    assert not mark.exists()
    (tmp_path / "refs.p").write_bytes(data)
    with pytest.raises(SourceError, match=r"^refs\.p: unsafe pickle: opcode"):
        plain_pickle.read(Folder(str(tmp_path)), "refs.p")
    assert not mark.exists()


def test_the_exploits_would_run(tmp_path: Path) -> None:
    """Else the test above shows nothing."""
    ran = 0
    for name, data in exploits(str(tmp_path / "touched")).items():
        if not name.startswith(("persistent", "binary", "extension", "build", "only", "new")):
            pickle.loads(data)
            assert (tmp_path / "touched").exists(), name
            os.remove(tmp_path / "touched")
            ran += 1
    assert ran > 15


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(bombs()))
def test_a_small_pickle_costs_little(name: str) -> None:
    data, start = bombs()[name], time.process_time()
    tracemalloc.start()
    said = refusal(data)
    assert tracemalloc.get_traced_memory()[1] < 150 * len(data) + (1 << 20)
    tracemalloc.stop()
    assert time.process_time() - start < 10
    assert len(said) < 300
    assert "unsafe" not in said


def refusal(data: bytes) -> str:
    """Why a pickle is refused, "" if it is not."""
    try:
        plain_pickle.plain(data)
    except ValueError as err:
        return f"{'unsafe: ' * isinstance(err, plain_pickle.UnsafePickle)}{err}"
    return ""


def test_what_is_no_pickle_is_not_called_unsafe() -> None:
    newer = pickle.dumps([{"a": {1}}], 4)
    for data in (b"", HTML, b"\x89PNG", b"]x", newer, b"\x80\x02X\4\0\0\0"):
        assert "byte" in refusal(data)
        assert "unsafe" not in refusal(data)


def test_keys_are_text_and_numbers_can_be_printed() -> None:
    for value in ({1: 2}, {(1, 2): 3}, {None: 1}):
        for protocol in (0, 1, 2):
            with pytest.raises(ValueError, match="as a key, expected text"):
                plain_pickle.plain(pickle.dumps(value, protocol))
    for number in (2**63, -(2**64), 10**1000):
        assert str(plain_pickle.plain(pickle.dumps(number, 0))) == str(number)
    with pytest.raises(ValueError, match="an integer of 80000 bits"):
        plain_pickle.plain(b"I0x" + b"f" * 20_000 + b"\n.")
