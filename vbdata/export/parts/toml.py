"""The little TOML that trainers' configs need: keys with strings, numbers, booleans and lists."""

from __future__ import annotations

import json
from collections.abc import Mapping


def toml(values: Mapping[str, object]) -> str:
    """Lines `key = value`. Values are ASCII str, int, float, bool or lists of them."""
    # JSON spells these as TOML does; beyond ASCII it escapes some characters as pairs, TOML never.
    return "".join(f"{key} = {json.dumps(value)}\n" for key, value in values.items())
