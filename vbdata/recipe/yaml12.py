"""YAML as recipes use it: safe, version 1.2, exact decimals, no key twice, merge keys.

PyYAML reads version 1.1, in which `no` is false, `1:30` is 90 and a date is no text. Its loader is
used with the core schema of 1.2 (https://yaml.org/spec/1.2.2, section 10.3) in place of these, and
with the merge key of 1.1 (https://yaml.org/type/merge.html), which many files have.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import yaml
from yaml.constructor import ConstructorError

FAULTS = (yaml.YAMLError, UnicodeDecodeError)
MOST_DIGITS = 1000  # of a number, written without an exponent
LONGEST_KEY = 1000  # characters
MOST_LINES, DEEPEST = 100_000, 50  # keys whose lines are noted, and how deep they may stand
# Characters that aliases may add to a file: a few lines of them can stand for more than the memory.
MOST_ADDED = 1 << 23
CORE = "tag:yaml.org,2002:"
MERGE = f"{CORE}merge"

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
    "merge": (r"^<<$", ["<"]),
}


class ValueFault(yaml.YAMLError):
    """A value of a document that cannot be read: its key, and the value, cut. line: from 1."""

    def __init__(self, text: str, line: int | None = None) -> None:
        super().__init__(text)
        self.line = line


def load(text: str) -> Any:
    """The value of a YAML document; numbers with a point or an exponent are Decimal.

    A mapping with a key `<<` has the keys of the mappings under it, too, unless it has its own.
    Raises one of FAULTS for what is no YAML, has a key twice, a value that is not what its tag
    says, a number of more than MOST_DIGITS digits or aliases of more than MOST_ADDED characters, or
    is nested too deep.
    """
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return None
        if _expanded(node, {}) > len(text) + MOST_ADDED:
            raise ValueFault("its aliases (*name) stand for more text than any recipe has")
        return loader.construct_document(node)
    except ConstructorError as err:
        line = err.problem_mark.line + 1 if err.problem_mark else None
        key = ".".join(map(str, loader.key))
        raise ValueFault(f"{key}{key and ': '}{err.problem}", line) from err
    except RecursionError as err:
        raise ValueFault("it is nested too deep") from err
    finally:
        loader.dispose()


def fault_of(err: Exception) -> tuple[str, int | None]:
    """What one of FAULTS says, in one line, and the line of the document, from 1, if it has one."""
    if isinstance(err, yaml.MarkedYAMLError):
        mark = err.problem_mark or err.context_mark
        said = ", ".join(part for part in (err.context, err.problem) if part)
        return " ".join(said.split()), mark.line + 1 if mark else None
    return " ".join(str(err).split()), getattr(err, "line", None)


def lines(text: str) -> dict[str, int]:
    """The line of each key of a document that `load` reads, from 1, by the keys that lead to it.

    Those are joined by full stops, as faults name them: "sources.NAME.root"; of lists the numbers
    of their items, from 0. Keys that an alias or `<<` brings in have the lines where they stand.
    """
    loader = _Loader(text)
    try:
        found = dict[str, int]()
        _note(loader.get_single_node(), "", found)
        return found
    except FAULTS:
        return {}
    finally:
        loader.dispose()


def _note(node: yaml.Node | None, prefix: str, found: dict[str, int]) -> None:
    if len(found) > MOST_LINES or prefix.count(".") > DEEPEST:
        return
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.tag == MERGE:
                for each in value.value if isinstance(value, yaml.SequenceNode) else [value]:
                    _note(each, prefix, found)
                continue
            name = f"{prefix}{key.value}"
            found[name] = key.start_mark.line + 1
            _note(value, f"{name}.", found)
    elif isinstance(node, yaml.SequenceNode):
        for place, value in enumerate(node.value):
            found[f"{prefix}{place}"] = value.start_mark.line + 1
            _note(value, f"{prefix}{place}.", found)


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader with other plain words, numbers and mappings.

    key: the keys that lead to the value which is being read.
    """

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.key: list[Any] = []


def _expanded(node: yaml.Node, known: dict[int, int]) -> int:
    """Characters of a node with each alias as what it stands for. known: of nodes, by identity."""
    if isinstance(node, yaml.ScalarNode):
        return len(node.value) + 1
    if id(node) not in known:
        known[id(node)] = -1
        parts = [p for part in node.value for p in (part if isinstance(part, tuple) else (part,))]
        known[id(node)] = 1 + sum(_expanded(part, known) for part in parts)
    if known[id(node)] < 0:
        raise ConstructorError(None, None, "an alias stands inside what it names", node.start_mark)
    return known[id(node)]


def _fault(node: yaml.Node, problem: str) -> ConstructorError:
    return ConstructorError(None, None, problem, node.start_mark)


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else f"{text[:57]}...")


def _kind(node: yaml.Node) -> str:
    """What a node is: a scalar, a sequence or a mapping."""
    return type(node).__name__.removesuffix("Node").lower()


def _word(name: str, make: Callable[[str], Any]) -> Callable[[_Loader, yaml.Node], Any]:
    """What reads a scalar of a tag: `make`, called with a text that has the tag's form."""
    names = ("int", "float") if name == "float" else (name,)
    forms = [re.compile(_WORDS[each][0]) for each in names if each in _WORDS]

    def read(loader: _Loader, node: yaml.Node) -> Any:
        fits = isinstance(node, yaml.ScalarNode) and (
            not forms or any(form.match(node.value) for form in forms)
        )
        if not fits:
            shown = _short(node.value) if isinstance(node, yaml.ScalarNode) else f"a {_kind(node)}"
            raise _fault(node, f"{shown} is no !!{name}")
        try:
            return make(node.value)
        except ArithmeticError as err:
            digits = f"a number of more than {MOST_DIGITS} digits: {_short(node.value)}"
            raise _fault(node, digits) from err

    return read


def _integer(text: str) -> int:
    if len(text) > MOST_DIGITS:
        raise OverflowError
    return int(text)


def _decimal(text: str) -> Decimal:
    """Raises ArithmeticError for a number that would take more than MOST_DIGITS to write out."""
    if len(text) > MOST_DIGITS:
        raise OverflowError
    number = Decimal(text)
    exponent = number.as_tuple().exponent
    if not isinstance(exponent, int) or abs(exponent) + len(text) > MOST_DIGITS:
        raise OverflowError
    return number


def _list(loader: _Loader, node: yaml.Node) -> list[Any]:
    if not isinstance(node, yaml.SequenceNode):
        raise _fault(node, f"a {_kind(node)} is no !!seq")
    return [_at(loader, place, child) for place, child in enumerate(node.value)]


def _mapping(loader: _Loader, node: yaml.Node) -> dict[Any, Any]:
    """A mapping: keys of merged mappings first, those of the first one before all others."""
    if not isinstance(node, yaml.MappingNode):
        raise _fault(node, f"a {_kind(node)} is no !!map")
    own: dict[Any, Any] = {}
    merged: dict[Any, Any] = {}
    seen: set[str] = set()
    for key_node, value_node in node.value:
        key = loader.construct_object(key_node, deep=True)
        if not isinstance(key, str | int | Decimal | None) or len(str(key)) > LONGEST_KEY:
            raise _fault(key_node, f"the key {_short(str(key_node.value))} cannot be a key")
        # compared as texts, which they become: 1 and "1" would be one source
        if str(key) in seen:
            raise _fault(key_node, f"the key {_short(str(key))} stands twice")
        seen.add(str(key))
        value = _at(loader, key, value_node)
        if key_node.tag == MERGE:
            merged = _merged(value, value_node)
        else:
            own[key] = value
    return merged | own


def _merged(value: Any, node: yaml.Node) -> dict[Any, Any]:
    """The keys that `<<` brings in. Raises ConstructorError unless it has mappings."""
    mappings = value if isinstance(value, list) else [value]
    if not all(isinstance(each, dict) for each in mappings):
        raise _fault(node, "<< takes a mapping, or a list of mappings")
    keys: dict[Any, Any] = {}
    for each in mappings:
        keys |= {key: content for key, content in each.items() if key not in keys}
    return keys


def _at(loader: _Loader, key: Any, node: yaml.Node) -> Any:
    """The value of a node under a key, which stays in `loader.key` if the value has a fault."""
    loader.key.append(key)
    value = loader.construct_object(node, deep=True)
    loader.key.pop()
    return value


def _unknown(loader: _Loader, node: yaml.Node) -> Any:
    known = ", ".join(f"!!{tag.removeprefix(CORE)}" for tag in _READ if tag and tag != MERGE)
    tag = _short(node.tag.replace(CORE, "!!"))
    raise _fault(node, f"the tag {tag} is not known; these are: {known}")


_READ: dict[str | None, Callable[[_Loader, yaml.Node], Any]] = {
    f"{CORE}null": _word("null", lambda _: None),
    f"{CORE}bool": _word("bool", lambda text: text.lower() == "true"),
    f"{CORE}int": _word("int", _integer),
    f"{CORE}float": _word("float", _decimal),
    f"{CORE}str": _word("str", str),
    f"{CORE}seq": _list,
    f"{CORE}map": _mapping,
    MERGE: _word("str", str),
    None: _unknown,
}
_Loader.yaml_constructors = _READ
_Loader.yaml_multi_constructors = {}
_Loader.yaml_implicit_resolvers = {}  # none of those of version 1.1
for _tag, (_pattern, _first) in _WORDS.items():
    _Loader.add_implicit_resolver(f"{CORE}{_tag}", re.compile(_pattern), _first)
