"""The little TOML that configs need: keys with texts, numbers, truths and lists of them."""

from __future__ import annotations

import json
from collections.abc import Mapping


def toml(values: Mapping[str, object]) -> str:
    """Lines `key = value`; texts are ASCII, of which JSON's spelling is TOML's."""
    return "".join(f"{key} = {json.dumps(value)}\n" for key, value in values.items())
