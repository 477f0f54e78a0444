"""JSON as it is published: indented by one, ASCII, a last newline."""

from __future__ import annotations

import json
from io import BytesIO, TextIOWrapper
from typing import Any


def json_bytes(value: Any, *, sort_keys: bool = False) -> bytes:
    """The text of a value. Beside it no more is in memory: json.dumps would hold each token."""
    data = BytesIO()
    text = TextIOWrapper(data, encoding="ascii", newline="\n")
    json.dump(value, text, sort_keys=sort_keys, indent=1, ensure_ascii=True)
    text.write("\n")
    text.flush()
    return data.getvalue()
