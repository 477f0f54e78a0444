"""The language of `where:`: a condition on what the index knows of a record.

    width >= 640 and height / width < 2
    "sky" in classes and instances("car") <= 3 and not like(id, "night/*")
    license in ["CC BY 4.0", "CC0"] or count(captions) > 1

Numbers: width, height, pixels (width * height), instances (of all classes), literals, + - * /,
count(LIST), instances("CLASS"). Texts: id, group, license, literals. Lists of texts: labels,
classes, captions, expressions, instructions, left_out, and literal ones. Conditions: == != < <= >
>= of numbers, == != of texts, `in` (a text in a list or, as a part of it, in a text; a number in a
list), like(TEXT, "GLOB"), joined by and, or, not. It is parsed by Python's grammar, of which
nothing else is allowed, and nothing is ever run. vbdata.planning.where evaluates it.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator
from typing import Final, Literal

from vbdata.errors import choices

Kind = Literal["number", "text", "list", "condition", "numbers", "texts"]
NUMBERS: Final = ("width", "height", "pixels", "instances")
TEXTS: Final = ("id", "group", "license")
LISTS: Final = ("labels", "classes", "captions", "expressions", "instructions", "left_out")
COLUMNS: Final[dict[str, Kind]] = {
    **dict.fromkeys(NUMBERS, "number"),
    **dict.fromkeys(TEXTS, "text"),
    **dict.fromkeys(LISTS, "list"),
}
FUNCTIONS: Final = ("count", "instances", "like")
LONGEST = 2000  # characters
LARGEST = 2**53  # of a number: up to there they are exact
EQUAL = (ast.Eq, ast.NotEq)
ORDER = (ast.Lt, ast.LtE, ast.Gt, ast.GtE)
WITHIN = (ast.In, ast.NotIn)
ARITHMETIC = (ast.Add, ast.Sub, ast.Mult, ast.Div)


class _Fault(Exception):
    """What is wrong with a condition."""


def fault(text: str) -> str:
    """What is wrong with a condition, in a line; "" if it is one."""
    try:
        parsed(text)
    except ValueError as err:
        return str(err)
    return ""


def parsed(text: str) -> ast.expr:
    """The tree of a condition, of nodes that this module knows. Raises ValueError."""
    line = " ".join(text.split("\n")).strip()
    if not line or len(line) > LONGEST:
        raise ValueError(f"should be a condition of 1 to {LONGEST} characters, got {len(line)}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of escapes in texts
            tree = ast.parse(line, mode="eval").body
        kind = _kind(tree)
        if kind != "condition":
            raise _Fault(f"{_shown(tree)} is a {kind}, no condition, such as width >= 640")
    except SyntaxError as err:
        raise ValueError(f"{line!r:.200}: {err.msg} at character {err.offset}") from err
    except (_Fault, RecursionError, MemoryError, ValueError) as err:
        raise ValueError(f"{line!r:.200}: {err or 'nested too deep'}") from err
    return tree


def _kind(node: ast.expr) -> Kind:
    """The kind of a node's value. Raises _Fault for what the language does not have."""
    match node:
        case ast.Constant():
            return _kind_of_literal(node)
        case ast.Name():
            if node.id not in COLUMNS:
                raise _Fault(f"unknown column {node.id!r}{choices(node.id, COLUMNS)}")
            return COLUMNS[node.id]
        case ast.List() | ast.Tuple():
            kinds = {_kind_of_literal(each) for each in node.elts}
            if len(kinds) != 1:
                raise _Fault(f"{_shown(node)} should be a list of texts or one of numbers")
            return "numbers" if kinds == {"number"} else "texts"
        case ast.BoolOp():
            for each in node.values:
                _expect(each, "condition")
            return "condition"
        case ast.UnaryOp(op=ast.Not()):
            _expect(node.operand, "condition")
            return "condition"
        case ast.UnaryOp(op=ast.USub()):
            _expect(node.operand, "number")
            return "number"
        case ast.BinOp() if isinstance(node.op, ARITHMETIC):
            _expect(node.left, "number")
            _expect(node.right, "number")
            return "number"
        case ast.Compare():
            for left, op, right in pairs(node):
                _check_comparison(left, op, right)
            return "condition"
        case ast.Call():
            return _kind_of_call(node)
    raise _Fault(
        f"{_shown(node)} is not allowed; a condition has columns, numbers, texts in quotes, lists, "
        f"== != < <= > >= in and or not + - * /, and {', '.join(FUNCTIONS)}"
    )


def pairs(node: ast.Compare) -> Iterator[tuple[ast.expr, ast.cmpop, ast.expr]]:
    """The comparisons of a chain, such as 1 < width < 9, two by two."""
    sides = [node.left, *node.comparators]
    return zip(sides, node.ops, sides[1:], strict=False)


def _kind_of_literal(node: ast.expr) -> Kind:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return "text"
    value = node.value if isinstance(node, ast.Constant) else None
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= LARGEST:
        return "number"
    raise _Fault(f"{_shown(node)} should be a text in quotes, or a number up to 2 ** 53")


def _kind_of_call(node: ast.Call) -> Kind:
    name = node.func.id if isinstance(node.func, ast.Name) else _shown(node.func)
    if name not in FUNCTIONS or node.keywords:
        raise _Fault(f"unknown function {name!r}{choices(name, FUNCTIONS)}")
    arguments = {"count": ("list",), "instances": ("text",), "like": ("text", "text")}[name]
    if len(node.args) != len(arguments):
        raise _Fault(f"{name} takes {len(arguments)} values, got {len(node.args)}")
    for each, wanted in zip(node.args, arguments, strict=True):
        _expect(each, wanted)
    if name != "count" and not isinstance(node.args[-1], ast.Constant):
        raise _Fault(f"{_shown(node)}: the last value of {name} should be a text in quotes")
    return "condition" if name == "like" else "number"


def _expect(node: ast.expr, wanted: str) -> None:
    if (kind := _kind(node)) != wanted:
        raise _Fault(f"{_shown(node)} is a {kind}, expected a {wanted}")


def _check_comparison(left: ast.expr, op: ast.cmpop, right: ast.expr) -> None:
    kinds = _kind(left), _kind(right)
    if isinstance(op, EQUAL):
        good = kinds in (("number", "number"), ("text", "text"))
    elif isinstance(op, ORDER):
        good = kinds == ("number", "number")
    elif isinstance(op, WITHIN):
        known = isinstance(left, ast.Constant)
        good = kinds in (("number", "numbers"), ("text", "texts"))
        good |= known and kinds in (("text", "list"), ("text", "text"))
    else:
        good = False
    if not good:
        raise _Fault(f"{_shown(left)}, a {kinds[0]}, cannot be compared so to {_shown(right)}")


def _shown(node: ast.AST) -> str:
    text = ast.unparse(node)
    return text if len(text) <= 80 else f"{text[:77]}..."
