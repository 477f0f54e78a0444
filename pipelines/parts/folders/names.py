"""Which class a code of a label map is: an index, an id, or a colour as R + 256 G + 65536 B.

The table stands in the recipe, or in a file of one of these forms:

    JSON, YAML   [road, car]; {0: road}; {road: 0}; {road: [128, 64, 128]};
                 {"(128, 64, 128)": road}; a list of objects, or objects as values
    CSV, TSV     a header, then a line a class: name,r,g,b, or columns that the recipe names
    text         a name a line; NAME:R,G,B:: (CVAT's labelmap.txt); R G B NAME (CamVid)
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from vbdata.core.texts import seen
from vbdata.errors import BadSample

from .. import records

KEYS = ("id", "idx", "index")  # what a class's code is called in a table, unless the recipe says
NAMES = ("name", "class", "label")
COLOURS = ("color", "colour", "rgb")
OTHERS = -(1 << 62)  # the code of "*", which names every code that has no name of its own
MOST_CODES = 100_000
MOST_BYTES = 1 << 24
LONGEST = 200  # characters of a name
TRIPLE = re.compile(
    r"\(?\s*(\d{1,3})\s*[, ]\s*(\d{1,3})\s*[, ]\s*(\d{1,3})\s*(?:[, ]\s*\d{1,3}\s*)?\)?"
)
COLOUR_LINE = re.compile(r"(\d{1,3})\s+(\d{1,3})\s+(\d{1,3})\s+(\S.*)")
CVAT_LINE = re.compile(r"([^:#][^:]*):(\d{1,3}),(\d{1,3}),(\d{1,3}):[^:]*:[^:]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Where a table has what: at: keys that lead to it, outermost first; key, name: of its items.

    "" for the usual names.
    """

    at: tuple[str, ...] = ()
    key: str = ""
    name: str = ""


def read(data: bytes, path: str, columns: Columns) -> dict[int, str]:
    """Code -> name from a file. path: for its type and for messages. Raises BadSample."""
    if len(data) > MOST_BYTES:
        raise BadSample("too large", f"names of {len(data)} bytes, at most {MOST_BYTES}", path)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as err:
        raise BadSample("garbled annotation", f"names that are not UTF-8: {err}", path) from err
    kind = path.lower().rpartition(".")[2]
    try:
        if kind in ("csv", "tsv"):
            value: Any = _table(text, "\t" if kind == "tsv" else ",", columns)
        elif kind in ("json", "yaml", "yml", "hdf5", "h5"):
            value = _found(_loaded(data, text, kind), columns.at)
        else:
            value = list(_lines(text))
        return parsed(value, columns)
    except BadSample as bad:
        raise BadSample(bad.reason, bad.detail, path) from bad


def parsed(value: Any, columns: Columns | None = None) -> dict[int, str]:
    """Code -> name from a value of JSON or YAML. Raises BadSample("garbled annotation")."""
    columns = columns or Columns()
    table: dict[int, str] = {}
    for code, name in _pairs(value, columns):
        if len(table) >= MOST_CODES:
            raise _garbled(f"more than {MOST_CODES} classes")
        if table.setdefault(code, name) != name:
            raise _garbled(f"{shown(code)} is both {table[code]!r} and {name!r}")
    if not table:
        raise _garbled("no names of classes")
    return table


def code_of(value: Any) -> int:
    """The code that a table or a recipe has: a whole number, or a colour. Raises BadSample."""
    if value == "*":
        return OTHERS
    if isinstance(value, Sequence) and not isinstance(value, str):
        value = " ".join(map(str, value))
    text = str(value).strip()
    if re.fullmatch(r"-?\d{1,18}(\.0+)?", text) and not isinstance(value, bool):
        return int(text.partition(".")[0])
    if re.fullmatch(r"#[0-9a-fA-F]{6}", text):
        return _packed(*bytes.fromhex(text[1:]))
    if triple := TRIPLE.fullmatch(text):
        return _packed(*(int(part) for part in triple.groups()))
    raise _garbled(f"{text!r:.60} is no index and no colour")


def shown(code: int) -> str:
    """A code as messages have it: as a number, and as the colour that it may be."""
    if code == OTHERS:
        return "'*'"
    if not 0 <= code < 1 << 24:
        return str(code)
    return f"{code} (as a colour {code & 255} {code >> 8 & 255} {code >> 16 & 255})"


def _pairs(value: Any, columns: Columns) -> Iterator[tuple[int, str]]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield _pair(key, item, columns)
    elif isinstance(value, list):
        for place, item in enumerate(value):
            if isinstance(item, Mapping):
                yield _of_item(item, columns)
            elif isinstance(item, tuple):
                yield item
            else:
                yield place, _name(item)
    else:
        raise _garbled(f"a {type(value).__name__}, expected a list or mapping of names")


def _pair(key: Any, item: Any, columns: Columns) -> tuple[int, str]:
    """One entry of a mapping: code: name, name: code, or code: {name: ...}."""
    if isinstance(item, Mapping):
        own = columns.key or next((k for k in (*KEYS, *COLOURS) if k in item), "")
        if own and _is_code(item.get(own)) and not _is_code(key):
            return code_of(item[own]), _name(key)
        wanted = columns.name or next((k for k in NAMES if k in item), "")
        return code_of(key), _name(item.get(wanted))
    if _is_code(key):
        return code_of(key), _name(item)
    return code_of(item), _name(key)


def _of_item(item: Mapping[str, Any], columns: Columns) -> tuple[int, str]:
    key = columns.key or next((k for k in (*COLOURS, *KEYS) if k in item), "")
    name = columns.name or next((k for k in NAMES if k in item), "")
    if key not in item or name not in item:
        raise _garbled(
            f"a class with the keys {', '.join(map(str, item))}: say which are its code and its "
            "name by names.key and names.name"
        )
    return code_of(item[key]), _name(item[name])


def _is_code(value: Any) -> bool:
    try:
        code_of(value)
    except BadSample:
        return False
    return True


def _name(value: Any) -> str:
    """The name of a class, on one line. Raises BadSample for what is none."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = str(value)
    if not records.text(value) or not (name := seen(value)) or len(name) > LONGEST:
        raise _garbled(
            f"the name {value!r:.60} of a class is not text of 1 to {LONGEST} characters"
        )
    return name


def _loaded(data: bytes, text: str, kind: str) -> Any:
    try:
        if kind in ("yaml", "yml"):
            return yaml.load(text, yaml.BaseLoader)  # noqa: S506  every scalar is a text
        return records.unpack(data)
    except (yaml.YAMLError, ValueError, RecursionError) as err:
        raise _garbled(f"no {kind.upper()}: {err!s:.200}") from err


def _found(value: Any, at: Sequence[str]) -> Any:
    for key in at:
        if not isinstance(value, Mapping) or key not in value:
            raise _garbled(f"without the key {key!r} that leads to the names")
        value = value[key]
    return value


def _table(text: str, separator: str, columns: Columns) -> list[Any]:
    """The rows of a table with a header as (code, name), or as names where it has no codes."""
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=separator)
    header = {str(field).strip().lower(): field for field in reader.fieldnames or ()}
    rgb = [header[c] for c in "rgb" if c in header]
    key = columns.key or next((header[k] for k in KEYS if k in header), "")
    name = columns.name or next((header[k] for k in NAMES if k in header), "")
    known = list(reader.fieldnames or ())
    if name not in known or (key not in known and len(rgb) < 3):
        raise _garbled(
            f"a table with the columns {', '.join(known)[:200]}: say which are its codes and names "
            "by names.key and names.name"
        )
    rows = []
    try:
        for row in reader:
            code = row[key] if key in known and (columns.key or len(rgb) < 3) else None
            value = code_of(code) if code is not None else code_of([row[c] for c in rgb])
            rows.append((value, _name(row[name] or "unlabelled")))
    except csv.Error as err:
        raise _garbled(f"no table: {err}") from err
    return rows


def _lines(text: str) -> Iterator[Any]:
    """Names line by line, with their colours where these stand there; blank lines are left out."""
    for line in map(str.strip, text.splitlines()):
        if not line or line.startswith("#"):
            continue
        if found := COLOUR_LINE.fullmatch(line):
            yield _packed(*(int(n) for n in found.groups()[:3])), _name(found[4])
        elif found := CVAT_LINE.fullmatch(line):
            yield _packed(*(int(n) for n in found.groups()[1:])), _name(found[1])
        else:
            yield line


def _packed(red: int, green: int, blue: int) -> int:
    if max(red, green, blue) > 255:
        raise _garbled(f"{red} {green} {blue} is no colour of 8 bits")
    return red + 256 * green + 65536 * blue


def _garbled(detail: str) -> BadSample:
    return BadSample("garbled annotation", f"names: {detail}")
