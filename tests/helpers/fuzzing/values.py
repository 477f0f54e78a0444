"""Damage to what texts say: JSON, tables, calibrations, pickles. Seeded; one change a call."""

from __future__ import annotations

import json
import pickle
import struct
from collections.abc import Callable
from random import Random
from typing import Any

DEEP, DIGITS, TWICE = "@deep@", "@digits@", "@twice@"
SECRET = "secret"  # a folder beside the root that nothing may open
NUMBERS = (0, -1, 1, 2, 1.5, -0.0, 1e308, -1e308, 5e-324, 10**30, 2**31, 2**32, 2**53, 2**63, 2**64)
NOT_NUMBERS = (float("nan"), float("inf"), -float("inf"))


def hostile(rng: Random, outside: str) -> Any:
    """A value that no dataset has in most of its places."""
    texts = ("", " ", "\0", "\n", "\ud800", "é\u0301", "\u202e", "x" * 100_000, "%s{0}", "../" * 30)
    paths = (f"../{SECRET}/file.json", f"{outside}/file.json", "..", ".", "/", "a\\..\\b", "~/.ssh")
    shapes = ([], {}, [None] * 3, [[]], {"": None}, [0] * 10_000, {"id": {"id": 1}}, DEEP, DIGITS)
    return rng.choice(
        (
            rng.choice(NUMBERS + NOT_NUMBERS),
            rng.choice((None, True, False)),
            rng.choice(texts),
            rng.choice(paths),
            rng.choice(shapes),
        )
    )


def spots(value: Any, rng: Random) -> tuple[Any, Any]:
    """A container somewhere inside a value, and one of its keys or places."""
    while True:
        keys = list(value) if isinstance(value, dict) else range(len(value))
        key = rng.choice(keys)
        inner = value[key]
        if not isinstance(inner, dict | list) or not inner or rng.random() < 0.15:
            return value, key
        value = inner


def change(value: Any, rng: Random, outside: str) -> str:
    """Change a nested value at one place; says what was done."""
    at, key = spots(value, rng)
    act = rng.choice(("set", "set", "set", "drop", "copy", "swap", "nudge", "twice"))
    if act == "drop":
        del at[key]
    elif act == "copy" and isinstance(at, list):
        at.insert(rng.randrange(len(at) + 1), at[key])
    elif act == "swap":
        other, place = spots(value, rng)
        if at is not other[place] and not _holds(at[key], other) and not _holds(other[place], at):
            at[key], other[place] = other[place], at[key]
    elif act == "nudge" and type(at[key]) in (int, float):
        at[key] = rng.choice((-at[key], at[key] + 1, at[key] * 10**6, str(at[key]), [at[key]]))
    elif act == "twice" and isinstance(at, dict):
        at[TWICE] = [key, hostile(rng, outside)]
    else:
        at[key] = hostile(rng, outside)
    return f"{act} {key!r:.30}"


def _holds(outer: Any, inner: Any) -> bool:
    """Whether a value contains a container: else a swap would make a cycle."""
    if outer is inner:
        return True
    children = outer.values() if isinstance(outer, dict) else outer
    return isinstance(outer, dict | list) and any(_holds(child, inner) for child in children)


def written(value: Any) -> bytes:
    """JSON with what `json` cannot write put in: depth, digits, a key that stands twice."""
    text = json.dumps(value)
    text = text.replace(json.dumps(DEEP), "[" * 100_000 + "]" * 100_000)
    text = text.replace(json.dumps(DIGITS), "9" * 5000)
    while (start := text.find(f'"{TWICE}": ')) >= 0:
        pair, end = json.JSONDecoder().raw_decode(text, start + len(TWICE) + 4)
        text = text[:start] + f"{json.dumps(str(pair[0]))}: {json.dumps(pair[1])}" + text[end:]
    return text.encode()


def json_file(data: bytes, rng: Random, outside: str) -> tuple[bytes, str]:
    """One change inside a JSON document, or its whole replaced."""
    value = json.loads(data)
    if not isinstance(value, dict | list) or not value or rng.random() < 0.03:
        return written(hostile(rng, outside)), "another document"
    done = change(value, rng, outside)
    return written(value), done


def json_lines(data: bytes, rng: Random, outside: str) -> tuple[bytes, str]:
    """One change in one line."""
    lines = data.splitlines()
    at = rng.randrange(len(lines))
    lines[at], done = json_file(lines[at], rng, outside)
    return b"\n".join(lines) + b"\n", f"line {at + 1}: {done}"


def table(data: bytes, rng: Random, outside: str) -> tuple[bytes, str]:
    """One cell, line or column of a text whose cells stand between commas or blanks."""
    comma = b"," if data.count(b",") * 4 > data.count(b" ") else b" "
    lines = data.split(b"\n")
    at = rng.randrange(len(lines))
    cells = lines[at].split(comma)
    cell = rng.randrange(len(cells))
    act = rng.choice(("cell", "cell", "cell", "drop", "repeat", "swap", "join", "more", "fewer"))
    if act == "cell":
        words = (
            "nan",
            "inf",
            "-1",
            "1e999",
            "0",
            "",
            '"',
            "'",
            "9" * 5000,
            "0x10",
            "1_0",
            "\0",
            "\u0661",
        )
        said = rng.choice((*words, f"../{SECRET}/x", f"{outside}/x", "x" * 100_000, "\udcff", "\r"))
        cells[cell] = said.encode("utf-8", "surrogateescape")
    elif act in ("more", "fewer"):
        cells[cell : cell + 1] = [cells[cell]] * (2 if act == "more" else 0)
    lines[at] = comma.join(cells)
    if act == "drop":
        del lines[at]
    elif act == "repeat":
        lines.insert(at, lines[at])
    elif act == "swap":
        other = rng.randrange(len(lines))
        lines[at], lines[other] = lines[other], lines[at]
    elif act == "join":
        lines[at : at + 2] = [b"".join(lines[at : at + 2])]
    return b"\n".join(lines), f"{act}, line {at + 1}, cell {cell + 1}"


def exploits(mark: str) -> dict[str, bytes]:
    """Pickles that touch a file, by every opcode that names, makes or calls something."""
    touch = f"touch {mark}".encode()
    text = b"X" + struct.pack("<I", len(touch)) + touch
    short = b"\x8c\x02os\x8c\x06system\x93"

    class Call:
        def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
            import os

            return os.system, (f"touch {mark}",)

    found = {f"reduce {p}": pickle.dumps(Call(), p) for p in range(6)}
    found |= {f"nested {p}": pickle.dumps([{"refs": [Call()]}], p) for p in range(6)}
    return found | {
        "global": b"cos\nsystem\n(" + text + b"tR.",
        "stack global": b"\x80\x04" + short + text + b"\x85R.",
        "inst": b"(" + text + b"ios\nsystem\n.",
        "obj": b"(cos\nsystem\n" + text + b"o.",
        "new object": b"\x80\x02cos\nsystem\n" + text + b"\x85\x81.",
        "new object, keywords": b"\x80\x04" + short + text + b"\x85}\x92.",
        "build": b"\x80\x02ccollections\nOrderedDict\n)R}U\x01aU\x01bsb.",
        "extension 1": b"\x80\x02\x82\x01.",
        "extension 2": b"\x80\x02\x83\x01\0.",
        "extension 4": b"\x80\x02\x84\x01\0\0\0.",
        "persistent": b"Pname\n.",
        "binary persistent": b"NQ.",
        "after good data": b"\x80\x02]q\0(K\x01K\x02ecos\nsystem\n" + text + b"\x85R.",
        "only named": b"cos\nsystem\n.",
    }


def bombs() -> dict[str, bytes]:
    """Pickles of plain data that are small and ask for much."""
    laughs = b"".join(b"(" + b"h%c" % n * 10 + b"lq%c" % (n + 1) for n in range(30))
    pairs = b"".join(b"h%c\x86q%c" % (n, n + 1) for n in range(100))
    return {
        "billion laughs": b"\x80\x02]q\0" + laughs + b".",
        "a pair of a pair as a key": b"\x80\x02}K\x01q\0" + pairs + b"Ns.",
        "numbers of one hash": b"(" + b"".join(_number(k) + b"N" for k in range(300)) + b"d.",
        "memo": b"]r\xff\xff\xff\x7f.",
        "no memo": b"j\xff\xff\xff\x7f.",
        "text": b"X\xff\xff\xff\x7fx.",
        "string": b"T\xff\xff\xff\x7fx.",
        "marks": b"(" * 10**5,
        "lists in lists": b"]" * 10**5 + b"a" * (10**5 - 1) + b".",
        "lists": b"(" + b"]" * 10**5 + b"l.",
        "digits": b"I" + b"9" * 10**6 + b"\n.",
        "hexadecimal digits": b"I0x" + b"f" * 10**6 + b"\n.",
        "a list in itself": b"]q\0h\0a.",
        "a dict in itself": b"}q\0U\x01ah\0s.",
    }


def _number(factor: int) -> bytes:
    return b"\x8a\x0b" + (factor * (2**61 - 1)).to_bytes(11, "little")


def pickled(data: bytes, rng: Random, outside: str) -> tuple[bytes, str]:
    """An exploit, a bomb, or one change inside what a pickle of our own demo writer says."""
    kinds = exploits(f"{outside}/touched") | bombs()
    if rng.random() < 0.4:
        name = rng.choice(sorted(kinds))
        return kinds[name], name
    value = pickle.loads(data)  # our own demo's
    done = change(value, rng, outside)
    return pickle.dumps(value, rng.choice((0, 1, 2))), done
