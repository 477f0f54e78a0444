"""Which entries of an index a condition of a recipe's `where:` is true of, column by column."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from vbdata.planning.names import like
from vbdata.recipe.where import COLUMNS, pairs, parsed

Mask = NDArray[np.bool_]
BINARY: Final[dict[type[ast.AST], Callable[[Any, Any], Any]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: np.true_divide,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}


def holds(text: str, facts: pa.Table) -> Mask:
    """bool[entries]: of which a condition is true. facts: of an index.

    Numbers are float64; what is divided by 0 is beyond every number, or none. Raises ValueError for
    what vbdata.recipe.where does not parse.
    """
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        found = _value(parsed(text), facts)
    return np.broadcast_to(np.asarray(found, np.bool_), len(facts)).copy()


def instances(facts: pa.Table, name: str | None = None) -> NDArray[np.int64]:
    """int64[entries]: how many instances the entries have, of one class or of all."""
    classes = facts["classes"].combine_chunks()
    flat, of = pc.list_flatten(classes), pc.list_parent_indices(classes).to_numpy()
    counts = pc.struct_field(flat, "instances").to_numpy(zero_copy_only=False)
    if name is not None:
        hit = _mask(pc.equal(pc.struct_field(flat, "name"), name))
        counts, of = counts[hit], of[hit]
    totals = np.bincount(of, weights=counts, minlength=len(facts))
    return totals.astype(np.int64)


def _value(node: ast.expr, facts: pa.Table) -> Any:
    match node:
        case ast.Constant():
            return float(node.value) if isinstance(node.value, int) else node.value
        case ast.Name():
            return _column(node.id, facts)
        case ast.List() | ast.Tuple():
            return [_value(each, facts) for each in node.elts]
        case ast.BoolOp():
            parts = [_value(each, facts) for each in node.values]
            join = np.logical_and if isinstance(node.op, ast.And) else np.logical_or
            return join.reduce(np.broadcast_arrays(*parts))
        case ast.UnaryOp():
            value = _value(node.operand, facts)
            return np.logical_not(value) if isinstance(node.op, ast.Not) else -value
        case ast.BinOp():
            return BINARY[type(node.op)](_value(node.left, facts), _value(node.right, facts))
        case ast.Compare():
            parts = [_compared(left, op, right, facts) for left, op, right in pairs(node)]
            return np.logical_and.reduce(np.broadcast_arrays(*parts))
        case ast.Call():
            return _called(node, facts)
    raise ValueError(f"no condition: {ast.unparse(node)}")


def _column(name: str, facts: pa.Table) -> Any:
    if name == "pixels":
        return _column("width", facts) * _column("height", facts)
    if name == "instances":
        return instances(facts).astype(np.float64)
    if COLUMNS[name] == "number":
        return facts[name].to_numpy().astype(np.float64)
    column = facts[name].combine_chunks()
    if name in ("classes", "expressions"):
        flat = pc.struct_field(pc.list_flatten(column), "name" if name == "classes" else "text")
        return pa.ListArray.from_arrays(_offsets(column), flat)
    return column


def _offsets(lists: pa.ListArray) -> pa.Array:
    """Where each list begins among all values, and where the last one ends."""
    lengths = pc.list_value_length(lists).to_numpy(zero_copy_only=False)
    return pa.array(np.append(0, lengths.cumsum()), pa.int32())


def _compared(left: ast.expr, op: ast.cmpop, right: ast.expr, facts: pa.Table) -> Any:
    one, other = _value(left, facts), _value(right, facts)
    if isinstance(op, ast.In | ast.NotIn):
        found = _within(one, other)
        return np.logical_not(found) if isinstance(op, ast.NotIn) else found
    if isinstance(one, pa.Array) or isinstance(other, pa.Array):
        equal = _mask(pc.equal(one, other))
        return ~equal if isinstance(op, ast.NotEq) else equal
    return BINARY[type(op)](one, other)


def _within(one: Any, other: Any) -> Any:
    """Whether a number or a text is one of a list's, or a text part of a text."""
    if isinstance(other, list):
        if isinstance(one, pa.Array):
            return _mask(pc.is_in(one, pa.array(other, pa.string())))
        return one in other if isinstance(one, str) else np.isin(one, other)
    if isinstance(other, pa.ListArray):
        found = np.zeros(len(other), np.bool_)
        hit = _mask(pc.equal(pc.list_flatten(other), one))
        found[pc.list_parent_indices(other).to_numpy()[hit]] = True
        return found
    return one in other if isinstance(other, str) else _mask(pc.match_substring(other, one))


def _called(node: ast.Call, facts: pa.Table) -> Any:
    assert isinstance(node.func, ast.Name)
    *first, last = node.args
    if node.func.id == "count":
        lengths = pc.list_value_length(_value(last, facts))
        return lengths.to_numpy(zero_copy_only=False).astype(np.float64)
    text = _value(last, facts)
    if node.func.id == "instances":
        return instances(facts, text).astype(np.float64)
    texts = _value(first[0], facts)
    column = pa.array([texts], pa.string()) if isinstance(texts, str) else texts
    return like(column, text)


def _mask(array: pa.Array) -> Mask:
    return np.asarray(array.to_numpy(zero_copy_only=False), np.bool_)
