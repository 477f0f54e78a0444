"""JSON as builds publish it: ASCII, indented by one space a level, with a final newline.

It is written piece by piece, so that a long list needs no more memory than one of its elements.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

PIECE = 1 << 16  # bytes, about


@dataclass(frozen=True, slots=True)
class Each:
    """A JSON array whose elements are made only when they are written."""

    elements: Callable[[], Iterable[Any]]


@dataclass(frozen=True, slots=True)
class Pairs:
    """A JSON object whose members are made only when they are written, in this order."""

    members: Callable[[], Iterable[tuple[str, Any]]]


def json_bytes(value: Any, *, sort_keys: bool = False) -> bytes:
    """The JSON text of a value: of JSON's own types, mappings, sequences, Each and Pairs."""
    return b"".join(json_pieces(value, sort_keys=sort_keys))


def json_pieces(value: Any, *, sort_keys: bool = False) -> Iterator[bytes]:
    """The JSON text of a value in pieces of some 64 kB; the types are those of `json_bytes`."""
    waiting: list[str] = []
    size = 0
    for token in chain(_tokens(value, sort_keys, "\n"), "\n"):
        waiting.append(token)
        size += len(token)
        if size >= PIECE:
            yield "".join(waiting).encode("ascii")
            waiting, size = [], 0
    yield "".join(waiting).encode("ascii")


def _tokens(value: Any, sort_keys: bool, line: str) -> Iterator[str]:
    """The text of a value, token by token; line: a newline and the indentation of its depth."""
    if isinstance(value, Mapping | Pairs):
        members = value.members() if isinstance(value, Pairs) else value.items()
        brackets = "{}"
        inside = ((f"{_name(k)}: ", v) for k, v in (sorted(members) if sort_keys else members))
    elif isinstance(value, Sequence | Each) and not isinstance(value, str | bytes):
        brackets = "[]"
        inside = (("", v) for v in (value.elements() if isinstance(value, Each) else value))
    else:
        yield json.dumps(value)
        return
    before = brackets[0]
    for name, each in inside:
        yield f"{before}{line} {name}"
        yield from _tokens(each, sort_keys, f"{line} ")
        before = ","
    yield f"{line}{brackets[1]}" if before == "," else brackets


def _name(key: Any) -> str:
    """A key as json.dumps writes it: numbers, True and None become strings."""
    return json.dumps(key if isinstance(key, str) else json.dumps(key))


def canonical(value: Any) -> bytes:
    """The JSON text of a value with sorted keys: equal values have equal bytes."""
    return json_bytes(value, sort_keys=True)


def manifest_digest(manifest: Mapping[str, Any]) -> str:
    """SHA-256, in hex, of a manifest's canonical JSON without `environment` and `digest`."""
    kept = {k: v for k, v in manifest.items() if k not in ("environment", "digest")}
    digest = hashlib.sha256()
    for piece in json_pieces(kept, sort_keys=True):
        digest.update(piece)
    return digest.hexdigest()
