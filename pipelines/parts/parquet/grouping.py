"""What a row must not be split from: the option `group`, a column or a template of columns.

{column} is a row's value, {column:012} a number with zeros before it, {file} and {row} the table's
path and the row's number.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .. import own_records as own
from .. import records

if TYPE_CHECKING:
    from .tables import Row

FIELD = re.compile(r"\{([^{}:]+)(?::0?(\d{1,2}))?\}")
ALONE = "{file}/{row:09}"  # a group of its own
PLACES = ("file", "row")


def template(group: str) -> str:
    """The option as a template: a column alone is one in braces, nothing is ALONE."""
    return group if "{" in group else f"{{{group}}}" if group else ALONE


def fault(group: str) -> str:
    """What is wrong with the option, "" if nothing is."""
    pattern = template(group)
    if FIELD.search(pattern) and not re.search(r"[{}]", FIELD.sub("", pattern)):
        return ""
    return f'{group!r:.60} is no column and no template such as "{{scene}}" or "coco:{{id:012}}"'


def columns(group: str) -> list[str]:
    """The columns that the option names."""
    return [name for name, _ in FIELD.findall(template(group)) if name not in PLACES]


def of(group: str, row: Row, path: str, prefix: str) -> str:
    """The group of a row of a table. prefix: before groups that have no ":" of their own.

    Raises BadSample for a value that is no text and no number.
    """
    values = {**row.values, "file": path, "row": row.number}

    def filled(part: re.Match[str]) -> str:
        value = values.get(part[1])
        if not (records.whole(value) or (records.text(value) and value.strip())):
            raise own.garbled(f"group: {part[1]} is {value!r:.40}, expected text or a number")
        return str(value).zfill(int(part[2] or 0))

    pattern = template(group)
    found = FIELD.sub(filled, pattern)
    return found if ":" in FIELD.sub("", pattern) else f"{prefix}:{found}"
