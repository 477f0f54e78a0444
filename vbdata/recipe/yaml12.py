"""YAML as recipes use it: safe, the plain words of version 1.2, exact decimals, no key twice."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import yaml

FAULTS = (yaml.YAMLError, UnicodeDecodeError, RecursionError)


def load(text: str) -> Any:
    """The document's value; numbers with a point are Decimal. Raises one of FAULTS."""
    return yaml.load(text, _Loader)  # noqa: S506 (a SafeLoader)


class _Loader(yaml.SafeLoader):
    """Safe YAML with the plain words of version 1.2, exact decimals, and no key twice."""


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


# The core schema of YAML 1.2: 1:30 is no number, no is no boolean, a date is a string.
_WORDS = {
    "null": (r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
    "bool": (r"^(?:true|True|TRUE|false|False|FALSE)$", list("tTfF")),
    "int": (r"^[-+]?[0-9]+$", list("-+0123456789")),
    "float": (
        r"^[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]+)?$",
        list("-+.0123456789"),
    ),
}
_Loader.yaml_implicit_resolvers = {}
for _tag, (_pattern, _first) in _WORDS.items():
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(_pattern), _first)
_Loader.add_constructor("tag:yaml.org,2002:float", _decimal)
_Loader.add_constructor("tag:yaml.org,2002:map", _unique_mapping)
