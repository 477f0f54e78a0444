"""Annotations that the compiled loops take are what msgspec and Python's json make of them."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.formats import json_cut, json_pieces
from pipelines.formats.byte_texts import Held, OnDisk, Text
from pipelines.formats.json_cut import Piece
from pipelines.formats.json_lists import at_once
from pipelines.formats.json_pieces import Items
from pipelines.formats.json_values import NotPlain
from pipelines.parts.coco import scanned
from pipelines.parts.coco.annotations import Annotations
from pipelines.parts.coco.columns import Columns
from pipelines.parts.coco.noted import Noted
from pipelines.parts.coco.scanned import Scanner
from tests.helpers.builds import REAL as SAMPLES
from vbdata.core import compiled

needs_compiler = pytest.mark.skipif(compiled.library() is None, reason="nothing is compiled")
REAL = sorted((SAMPLES / "coco/annotations").glob("*.json"))
LONG = [[k / 8 for k in range(60)], [1e9, -0.5, *range(400)]]
FRAGMENTS = {  # what annotations have under a key: plain values, then others; | is between
    "image_id": ("1|2|5000000", '2.0|"1"|-1|01|9999999999999999999|null|999999999999999999'),
    "id": ("7|900100448263", "7.0|-0|1e1|9223372036854775808|[]|7 7"),
    "category_id": ("1|3", '3.0|"a"|true|-3|111111111111111111'),
    "iscrowd": ("0|1", "2|null|0.0|false"),
    "area": (
        "702.1057499999998|12|0.5|134217728|0.01234567890123456",
        "0|-1.5|1e2|134217728.5|1.|.5|00.5|0.00012345678901234567|1 2",
    ),
    "segmentation": (
        f"[[1.5, 2,9.25 ,2,9,-11.125]]|[[1,2,3,4,5,6],[1,2,3,4,5,6]]|{LONG}"
        r'|{"counts":[1,2e0],"size":[3,1]}|{"counts":"a\\b","size":[3,1]}',
        "[]|{}|null|[[1,2,3,4,5]]|[[1,2,3,4,5,6],5]|[[1,2,3,4,5,6],]|[[]]|[[1,2,3,4,5,6,7]]"
        f"|[[{'9' * 400},2,3,4,5,6]]|[[{'9' * 300},2,3,4,5,6]]|[[1,2,3,4,5,null]]"
        '|{"counts":NaN}|{"a":1,}',
    ),
    "bbox": ('[1,2,3.5,4]|null|{"x":[true,{"y":"z"}]}', "[1,]|[1e999]|[nul]|{1:2}"),
    "score": (r'1.5e-3|"x\n"|[[[]]]', f'{"[" * 20}{"]" * 20}|1e|tru|"é"|"\1"|"\udcff"|' + r'"\x"'),
    "caption": (r'"a cat"|"a \"b\" \u00e9"', r'"\ud83d\ude00"|"\ud83d"|"é"|7|" "'),
    "segments_info": ("[]", '"a'),
}
PLAIN = {key: plain.split("|") for key, (plain, _) in FRAGMENTS.items()}
ODD = {key: odd.split("|") for key, (_, odd) in FRAGMENTS.items()}
MASK = ["segmentation", "area", "iscrowd", "image_id", "bbox", "category_id", "id"]
TOLD = ["image_id", "id", "caption"]
WRONG = [  # for numbers
    *("01", "-01", "1.", ".5", "1..2", "1.2.3", "--1", "1-2"),
    *("-", "1 2", "1 2, ", "", "+1", "1e5", "1e999"),
]
SIGNS = [*'{}[]",:.-+e01 \n\\\x00\x7f', "é", '"id":1,', "null", "00", "],[", "\\u0041", ""]


@st.composite
def notes(draw: st.DrawFn) -> str:
    """An annotation as JSON, most of them plain."""
    keys = [*draw(st.sampled_from([MASK, MASK, TOLD]))]
    odd = draw(st.sampled_from(["", "", "value", "key", "twice", "none"]))
    place = draw(st.integers(0, len(keys) - 1))
    if odd == "none":
        del keys[place]
    if odd in ("key", "twice"):
        other = keys if odd == "twice" else [*FRAGMENTS]
        keys.insert(place, draw(st.sampled_from(other)))
    pairs = []
    for number, key in enumerate(keys):
        values = (ODD if odd == "value" and number == place else PLAIN)[key]
        pairs.append(f'"{key}"{draw(SPACES)}:{draw(st.sampled_from(values))}{draw(SPACES)}')
    return "{" + ",".join(pairs) + "}"


SPACES = st.sampled_from(["", "", " ", "\n  ", "\t\r"])


@st.composite
def texts(draw: st.DrawFn) -> bytes:
    """A COCO-format file, half of them damaged."""
    listed = draw(st.lists(notes(), max_size=5))
    text = '{"annotations": [' + f",{draw(SPACES)}".join(listed) + f']{draw(SPACES)}, "x": 1}}'
    for _ in range(draw(st.sampled_from([0, 0, 1, 2]))):
        at, over = draw(st.integers(0, len(text))), draw(st.integers(0, 2))
        text = text[:at] + draw(st.sampled_from(SIGNS)) + text[at + over :]
    return text.encode("utf-8", "surrogateescape")


def said(text: Text, *, scan: bool) -> tuple[Any, int]:
    """All that is kept of a file's annotations, and how many of them the compiled loops took."""
    found, taken = Annotations(), 0
    found.expect([{"id": 2}, {"id": 1}])

    def scanning(data: bytes, begin: int, position: int) -> tuple[int, bool]:
        nonlocal taken
        before = found.count
        after = found.scan(data, begin, position)
        taken += found.count - before
        return after

    items = Items(Noted, found.take, scanning if scan else None)
    try:
        top = json_pieces.read(text, {"annotations": items})
    except NotPlain:
        return "not plain", taken
    found.settle()
    kept = [found.told, found.panoptic, found.count, found.strays, found.odd, found.classes()]
    kept += [found.texts.to_pylist(), *found.images.items(), found.in_order]
    for rows in (found.plain(), found._told):
        assert rows
        kept += [rows.rows.tolist(), rows.bounds, rows.twice]
    return repr((top, kept)), taken


def note(keys: list[str], **others: str) -> str:
    """A plain annotation as JSON, but for the values of some keys."""
    return ",".join(f'"{key}": {others.get(key, PLAIN[key][0])}' for key in keys)


def single_notes() -> Iterator[str]:
    """Annotations of which one thing is changed, without their braces."""
    for keys in (MASK, TOLD):
        for key, plain in PLAIN.items():
            there = keys if key in keys else [*keys, key]
            yield from (note(there, **{key: value}) for value in (*plain, *ODD[key]))
            yield from (f'"{key}": {value}, {note(there)}' for value in (*plain[1:], *ODD[key][:1]))
        yield from (note(keys[:place] + keys[place + 1 :]) for place in range(len(keys)))
    for wrong in WRONG:
        yield note(MASK, segmentation=f"[[{'1, ' * 15}{wrong}, {'2.5,' * 18}3]]")
        yield note(MASK, segmentation=f"[[1, 2, 3, 4, {wrong}, 5]]")
    yield note(MASK).replace("score", "sc\\u006fre").replace('"id"', '"\\u0069d"')


@needs_compiler
def test_one_thing_that_is_odd_is_odd_either_way() -> None:
    taken = 0
    for each in single_notes():
        data = f'{{"annotations": [{{{each}}}, {{{note(MASK)}}}]}}'
        text = Held(data.encode("utf-8", "surrogateescape"))
        (found, count), (other, _) = (said(text, scan=scan) for scan in (True, False))
        assert found == other, each
        taken += count > 0
    assert taken > 40


@needs_compiler
@settings(max_examples=30)
@given(data=texts(), small=st.booleans())
def test_both_ways_to_read_annotations_agree(data: bytes, small: bool) -> None:
    with pytest.MonkeyPatch.context() as patch:
        for module in (json_cut, json_pieces) if small else ():
            patch.setattr(module, "PIECE", 300)
        patch.setattr(scanned, "ROOM", 2 if small else 1 << 16)
        assert said(Held(data), scan=True)[0] == said(Held(data), scan=False)[0]


@needs_compiler
@pytest.mark.skipif(not REAL, reason="no real COCO samples beside the repository")
def test_real_annotations_are_all_taken_by_the_compiled_loops() -> None:
    for path in REAL:
        (found, taken), (other, _) = (said(OnDisk(path), scan=scan) for scan in (True, False))
        assert found == other, path
        count = len(json.loads(path.read_bytes())["annotations"])
        assert taken == (0 if path.name.startswith("panoptic") else count), path


@needs_compiler
def test_areas_are_those_of_python_to_the_last_bit() -> None:
    rng = random.Random(0)
    wanted = [repr(rng.random() * 10 ** rng.randrange(-2, 9)) for _ in range(1500)]
    for _ in range(1500):
        digits = str(rng.randrange(10 ** rng.randrange(1, 19)))
        point = rng.randrange(1, len(digits) + 1)
        wanted.append(f"{digits[:point].lstrip('0') or '0'}.{digits[point:]}5")
    wanted = [text for text in wanted if "e" not in text and len(text) <= 20]
    wanted = [text for text in wanted if 0 < float(text) <= 1 << 27]
    assert len(wanted) > 2000
    rest = '"segmentation": [[1, 2, 3, 4, 5, 6]], "image_id": 1, "id": 2, "category_id": 3'
    text = ", ".join(f'{{"area": {area}, {rest}}}' for area in wanted)
    rows, _, ended = Scanner(compiled.library()).masks(f"[{text}]".encode(), 1)
    assert ended
    assert rows.area.tolist() == [float(area) for area in wanted]


@needs_compiler
def test_a_text_that_ends_early_gives_what_is_whole() -> None:
    mask = {"segmentation": LONG, "area": 1.5, "image_id": 1, "id": 2, "category_id": 3}
    told = {"image_id": 1, "id": 2, "caption": "a cat"}
    scanner = Scanner(compiled.library())
    for note, read in ((mask, scanner.masks), (told, scanner.captions)):
        data = json.dumps([note, note]).encode()
        second = data.index(b"{", 2)
        for end in range(2, len(data)):
            rows, after, ended = read(data[:end], 1)
            assert (len(rows.image), after, ended) == (
                (end > second),
                second if end > second else 1,
                0,
            )
        assert read(data, 1)[1:] == (len(data), True)


def test_rows_are_sorted_by_owner_and_key() -> None:
    rng = np.random.default_rng(0)
    for size, keys in ((0, 1), (9, 3), (400, 50), (400, 10**12)):
        owners, key = rng.integers(0, 40, size), rng.integers(0, keys, size)
        columns = Columns({"owner": np.int32, "key": np.int64, "place": np.int64})
        columns.add(owners, key, np.arange(size))
        found = columns.by("owner", "key")
        assert found.rows["place"].tolist() == np.lexsort((key, owners)).tolist()
        for owner in range(41):
            assert found.rows["place"][found.slice_of(owner)].size == (owners == owner).sum()


@pytest.mark.parametrize(
    ("text", "taken"),
    [
        (b'[{"id": 1}, {"id": 2, "x": "{"}]', True),
        (b"[]", False),
        (b'[{"id": 1, "x": [2]}, {"id": 3}]', False),
        (b'[{"id": 1, "x": "]"}, {"id": 3}]', False),
        (b'[{"id": "\xff"}, {"id": 3}]', False),
        (b'[{"id": 1}, {"id": 2}', False),
        (b'[{"id": 1},]', False),
    ],
)
def test_a_list_is_taken_at_once_or_not_at_all(text: bytes, taken: bool) -> None:
    pieces, whole = list[Any](), list[Any]()

    def take(piece: Piece) -> None:
        pieces.extend(piece.items)

    scan = at_once(dict[str, Any], whole.extend)
    try:
        json_pieces.read_list(Held(text), Items(dict[str, Any], take, scan))
    except NotPlain:
        assert not whole
        return
    assert (whole if taken else pieces) == json.loads(text)
    assert not (pieces if taken else whole)
