"""YAML as recipes use it: safe, version 1.2, exact decimals, no key twice.

PyYAML reads version 1.1, in which `no` is false, `1:30` is 90 and a date is no text. Its loader is
used with the core schema of 1.2 (https://yaml.org/spec/1.2.2, section 10.3) in place of these.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import yaml

FAULTS = (yaml.YAMLError, UnicodeDecodeError, RecursionError)


def load(text: str) -> Any:
    """The value of a YAML document; numbers with a point or an exponent are Decimal.

    Raises one of FAULTS for what is no YAML, has a key twice, or is nested too deep.
    """
    return yaml.load(text, _Loader)  # noqa: S506 (a SafeLoader)


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader with other plain words, numbers and mappings."""


def _decimal(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> Decimal:
    return Decimal(loader.construct_scalar(node))


def _unique_mapping(loader: yaml.SafeLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    seen: set[Any] = set()
    for key_node, _ in node.value:
        key = loader.construct_object(key_node)
        if not isinstance(key, str | int | float | Decimal | None) or key in seen:
            what = "stands twice" if isinstance(key, str) else "cannot be a key"
            raise yaml.constructor.ConstructorError(
                None, None, f"the key {key!r} {what}", key_node.start_mark
            )
        seen.add(key)
    return yaml.SafeLoader.construct_mapping(loader, node, deep=True)


# Plain words of the core schema: the pattern of a whole word, and the characters that one may begin
# with, by which PyYAML finds the patterns to try. No recipe needs 0x and 0o, or .inf and .nan,
# which exact arithmetic could not use: these stay texts, and are refused as numbers.
_WORDS = {
    "null": (r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
    "bool": (r"^(?:true|True|TRUE|false|False|FALSE)$", list("tTfF")),
    "int": (r"^[-+]?[0-9]+$", list("-+0123456789")),
    "float": (
        r"^[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]+)?$",
        list("-+.0123456789"),
    ),
}
_Loader.yaml_implicit_resolvers = {}  # none of those of version 1.1
for _tag, (_pattern, _first) in _WORDS.items():
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(_pattern), _first)
_Loader.add_constructor("tag:yaml.org,2002:float", _decimal)
_Loader.add_constructor("tag:yaml.org,2002:map", _unique_mapping)
