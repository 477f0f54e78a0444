"""Long lists read in pieces: each item is what json.loads reads, where it stands; what is no JSON
never gets through."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pipelines.formats import json_cut, json_pieces
from pipelines.formats.byte_texts import Held, OnDisk
from pipelines.formats.json_cut import Piece
from pipelines.formats.json_pieces import Items
from pipelines.formats.json_values import NotPlain

ODD = [
    *(1, 2.5, -3, None, True, 10**30, 1e-7, float("nan"), float("inf")),
    *("a", '}, {"id"', "é\u2028", 'q"x', "\\", "\ud800", "z"),
]
KEYS = ["id", "seg", "x", "é", 'a"},{"id', "}, {"]


class Item(msgspec.Struct):
    id: Any = msgspec.UNSET
    seg: Any = msgspec.UNSET


def value(rng: random.Random, depth: int = 0) -> Any:
    kind = rng.random()
    if kind < 0.25 and depth < 3:
        return [value(rng, depth + 1) for _ in range(rng.randrange(4))]
    if kind < 0.45 and depth < 3:
        return {rng.choice(KEYS): value(rng, depth + 1) for _ in range(rng.randrange(4))}
    return rng.choice(ODD if rng.random() < 0.2 else ODD[:4] + ODD[9:11])


def item(rng: random.Random) -> Any:
    if rng.random() < 0.06:
        return value(rng)
    found = {"id": value(rng, 2), "seg": value(rng, 1)}
    return dict(reversed(found.items())) if rng.random() < 0.2 else found


def document(rng: random.Random) -> bytes:
    """A JSON text with two lists, one in four damaged by a byte."""
    top = {
        "info": value(rng, 1),
        "annotations": [item(rng) for _ in range(rng.randrange(30))],
        "images": [item(rng) for _ in range(rng.randrange(4))],
    }
    if rng.random() < 0.1:
        top["annotations"] = value(rng)
    top = dict(rng.sample(list(top.items()), len(top)))
    spaced: Any = {"indent": rng.choice([None, 1]), "separators": rng.choice([None, (",", ":")])}
    text = json.dumps(top, ensure_ascii=rng.random() < 0.5, **spaced)
    data = text.encode("utf-8", "surrogatepass")
    if rng.random() < 0.25:
        at = rng.randrange(len(data))
        other = rng.choice([*b'{}[],:"\\01e\x00\xff n'])
        data = data[:at] + bytes([other]) + data[at + rng.randrange(3) :]
    return data[: rng.randrange(len(data))] if rng.random() < 0.05 else data


def collected(found: dict[str, list[Any]], name: str, data: bytes) -> Callable[[Piece], None]:
    """What takes pieces, and looks whether items are what stands at their places."""

    def take(piece: Piece) -> None:
        for each, start, end in zip(piece.items, piece.starts, piece.ends, strict=True):
            whole = json.loads(data[start:end].decode("utf-8", "surrogatepass"))
            found.setdefault(name, []).append(whole)
            if piece.plain:
                wanted = Item(**{k: v for k, v in whole.items() if k in ("id", "seg")})
                assert repr(each) == repr(wanted)
            else:
                assert repr(each) == repr(whole)

    return take


@pytest.mark.slow
def test_lists_are_read_as_json_reads_them(monkeypatch: pytest.MonkeyPatch) -> None:
    read = 0
    for seed in range(800):
        rng = random.Random(seed)
        monkeypatch.setattr(json_cut, "PIECE", rng.choice([8, 40, 200, 4096]))
        monkeypatch.setattr(json_cut, "SMALL", rng.choice([8, 40, 200]))
        data, found = document(rng), dict[str, list[Any]]()
        names = ("annotations", "images")
        lists = {name: Items(Item, collected(found, name, data)) for name in names}
        try:
            top = json_pieces.read(Held(data), lists)
        except NotPlain:
            continue
        top |= {name: found.get(name, []) for name in names if top.get(name) == []}
        assert repr(top) == repr(json.loads(data.decode("utf-8", "surrogatepass"))), seed
        read += 1
    assert read > 400


def test_a_text_on_disk_is_read_as_one_in_memory(tmp_path: Path) -> None:
    data = json.dumps({"annotations": [{"id": k, "seg": [k] * 50} for k in range(200)]}).encode()
    (tmp_path / "x.json").write_bytes(data)
    file, found = OnDisk(tmp_path / "x.json"), dict[str, list[Any]]()
    (tmp_path / "x.json").unlink()
    json_pieces.read(file, {"annotations": Items(Item, collected(found, "annotations", data))})
    assert [each["id"] for each in found["annotations"]] == list(range(200))
    places = [(0, 5), (7, 9), (len(data) - 2, len(data) + 9)]
    assert file.parts(places) == Held(data).parts(places) == [data[a:b] for a, b in places]


@pytest.mark.parametrize(
    "text",
    [b"", b"[]", b"{", b'{"a":1}x', b'{"a":1,"a":2}', b'{"a":1,}', b'{"a":[{}}', b'{"a":01}'],
)
def test_what_has_no_plain_outline_is_refused(text: bytes) -> None:
    with pytest.raises(NotPlain):
        json_pieces.read(Held(text), {"a": Items(Item, lambda piece: None)})
