"""The code of a source file: its text less comments, docstrings and blank lines.

A digest of this text changes with the code and stays when only prose changes. The text is found
by regular expressions, not by Python's own tokenizer or parser, whose results differ between
versions: one file gives one text on every Python. Apart from prose nothing is changed, so a mere
change of layout counts as a change of code.

A string that is not a docstring is code, with all its lines, and so is everything inside an
f-string. Text that is not valid Python is kept as it is; the module that holds it fails elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

# In a masked text each string literal is one character: _PLAIN if it may be (part of) a docstring,
# else _OTHER. Neither occurs in valid Python outside of strings; where one does, it is masked, too.
_PLAIN, _OTHER = "\x01", "\x02"
_MASK = re.compile(f"[{_PLAIN}{_OTHER}]")

_STRING = (
    r"((?<!\w)(?:[rR][bBfFtT]|[bBfFtT][rR]|[rRbBuUfFtT]))?"  # prefix
    r"('''|\"\"\"|'|\")"
)
_NEXT = re.compile(rf"{_STRING}|\#[^\n]*|{_MASK.pattern}")
_REST = {  # of a string that is not an f-string, by its quotes
    "'": re.compile(r"[^'\\\n]*(?:\\.[^'\\\n]*)*'?", re.DOTALL),
    '"': re.compile(r'[^"\\\n]*(?:\\.[^"\\\n]*)*"?', re.DOTALL),
    "'''": re.compile(r"[^'\\]*(?:(?:\\.|'(?!''))[^'\\]*)*(?:''')?", re.DOTALL),
    '"""': re.compile(r'[^"\\]*(?:(?:\\.|"(?!""))[^"\\]*)*(?:""")?', re.DOTALL),
}
_IN_LITERAL = re.compile(r"\\N\{[^{}\n]*\}|[\\{'\"\n]")
_IN_FIELD = re.compile(rf"{_STRING}|\#[^\n]*|[][(){{}}:]")
_IN_FORMAT = re.compile(r"[{}]")

_BLANK = r"(?:[ \t\f]|\\\n)*"  # between two tokens of a line
_SPACE = r"(?:[ \t\f\n]|\\\n)*"  # between two tokens in brackets, and before a statement
_HEADER = re.compile(rf"^{_BLANK}(?:async(?:[ \t\f]|\\\n)+)?(?:def|class)\b", re.MULTILINE)
_IN_HEADER = re.compile(r"[][(){}:]|\blambda\b")
_DOCSTRING = re.compile(
    rf"(?P<before>{_SPACE})"
    rf"(?:{_PLAIN}(?:{_BLANK}{_PLAIN})*"
    rf"|(?P<opened>(?:\({_SPACE})+){_PLAIN}(?:{_SPACE}{_PLAIN})*(?P<closed>(?:{_SPACE}\))+))"
    rf"(?={_BLANK}(?:;|\n|\Z))(?:{_BLANK};{_BLANK})?"
)
_IMPORT = re.compile(
    r"(?:^|[:;])[ \t\f]*(?:import\b(?P<modules>[^\n;]*)"
    r"|from\b(?P<base>[\w. \t\f]*?)\bimport\b[ \t\f]*(?:\((?P<long>[^()]*)\)|(?P<short>[^\n;]*)))",
    re.MULTILINE,
)

_C_NEXT = re.compile(
    r"(?P<comment>//(?:\\\n|[^\n])*|/\*.*?(?:\*/|\Z))"
    r"""|"(?:\\.|[^"\\\n])*"?|'(?:\\.|[^'\\\n])*'?""" + f"|{_MASK.pattern}",
    re.DOTALL,
)
_C_BLANKS = re.compile(r"[ \t\f\v]+")
_C_WORDS = re.compile(rf"(?:\w|{_PLAIN}){{2}}")
_C_SIGNS = re.compile(r"[-+*/%<>=!&|^.:#]{2}")  # brackets, commas and the like join nothing


class Import(NamedTuple):
    """A module that an import statement names, after `level` dots; names: what it takes of it."""

    level: int
    module: str
    names: tuple[str, ...]


class Code(NamedTuple):
    """The code of a Python file, and what it imports, at any depth."""

    text: str
    imports: tuple[Import, ...]


def python_code(text: str) -> Code:
    """The code in a Python file. text: as decoded, each line's end a line feed."""
    masked, strings = _masked(text)
    kept, rest, at, used = "", [], 0, 0
    for begin, end in _docstrings(masked):
        kept += masked[at:begin]
        rest += strings[used : (used := used + _count(masked[at:begin]))]
        at, used = end, used + _count(masked[begin:end])
    lines = _lines(kept + masked[at:])
    rest += strings[used:]
    return Code(_unmasked(lines, rest), tuple(_imports(lines)))


def c_code(text: str) -> str:
    """The code in a C file: no comments, no blank lines, no blanks that mean nothing."""
    strings: list[str] = []

    def mask(match: re.Match[str]) -> str:
        if match["comment"]:
            return " "
        strings.append(match[0])
        return _PLAIN

    lines, directive = list[str](), False
    for line in _lines(_C_NEXT.sub(mask, text)).split("\n"):
        directive = line.lstrip().startswith("#") or (directive and lines[-1].endswith("\\"))
        # `#define f (x)` is not `#define f(x)`: in directives every blank may mean something
        lines.append(_C_BLANKS.sub(" " if directive else _blank, line.strip()))
    return _unmasked("\n".join(filter(None, lines)), strings)


def _masked(text: str) -> tuple[str, list[str]]:
    """The text without comments and with a mask for each string, and the strings."""
    masked, strings, at = [], list[str](), 0
    while match := _NEXT.search(text, at):
        masked.append(text[at : match.start()])
        at = match.end()
        if text[match.start()] != "#":
            prefix, quotes = (match[1] or "").lower(), match[2]
            at = _string_end(text, at, prefix, quotes) if quotes else at
            masked.append(_PLAIN if quotes and prefix in ("", "r", "u") else _OTHER)
            strings.append(text[match.start() : at])
    return "".join([*masked, text[at:]]), strings


def _unmasked(masked: str, strings: list[str]) -> str:
    """The masked text with its strings in their places."""
    following = iter(strings)
    return _MASK.sub(lambda _: next(following), masked)


def _count(masked: str) -> int:
    return masked.count(_PLAIN) + masked.count(_OTHER)


def _string_end(text: str, at: int, prefix: str, quotes: str) -> int:
    """Where a string ends. at: after its opening quotes; prefix: lower case."""
    if "f" not in prefix and "t" not in prefix:
        return _end(_REST[quotes].match(text, at), text)
    while match := _IN_LITERAL.search(text, at):
        at, sign = match.end(), match[0]
        if sign == quotes[0] and text.startswith(quotes, match.start()):
            return match.start() + len(quotes)
        if sign == "\n" and len(quotes) == 1:
            return match.start()
        if sign == "{":
            at = at + 1 if text.startswith("{", at) else _field_end(text, at)
        elif sign[0] == "\\" and "r" in prefix:
            at = match.start() + (1 if text.startswith(("{", "}"), match.start() + 1) else 2)
        elif sign == "\\" and not text.startswith(("{", "}"), at):
            at += 1
    return len(text)


def _field_end(text: str, at: int) -> int:
    """Where a replacement field of an f-string ends. at: after its opening brace."""
    depth = 0
    while match := _IN_FIELD.search(text, at):
        at, sign = match.end(), match[0]
        if match[2]:
            at = _string_end(text, at, (match[1] or "").lower(), match[2])
        elif sign in "([{":
            depth += 1
        elif sign in ")]}":
            depth -= 1
            if depth < 0:
                return at
        elif sign == ":" and not depth:
            return _format_end(text, at)
    return len(text)


def _format_end(text: str, at: int) -> int:
    """Where a replacement field ends whose format begins here; a format may hold fields."""
    while match := _IN_FORMAT.search(text, at):
        if match[0] == "}":
            return match.end()
        at = _field_end(text, match.end())
    return len(text)


def _end(match: re.Match[str] | None, text: str) -> int:
    return match.end() if match else len(text)


def _docstrings(masked: str) -> Iterator[tuple[int, int]]:
    """Where docstrings begin and end, with a semicolon after them, in order."""
    starts = [0, *(_body(masked, match.end()) for match in _HEADER.finditer(masked))]
    last = 0
    for start in starts:
        match = _DOCSTRING.match(masked, start)
        if match and (match["opened"] or "").count("(") == (match["closed"] or "").count(")"):
            if start >= last:  # always so in valid Python, where a header has its colon
                yield match.end("before"), match.end()
            last = max(last, match.end())


def _body(masked: str, at: int) -> int:
    """Where the body of a class or function begins. at: in its header."""
    depth = lambdas = 0
    for match in _IN_HEADER.finditer(masked, at):
        if match[0] in "([{":
            depth += 1
        elif match[0] in ")]}":
            depth -= 1
        elif not depth and match[0] == "lambda":
            lambdas += 1
        elif not depth and lambdas:
            lambdas -= 1
        elif not depth:
            return match.end()
    return len(masked)


def _lines(masked: str) -> str:
    """The text without blanks at the ends of its lines and without blank lines.

    A blank line after a backslash stays: it ends the statement.
    """
    lines, joined = list[str](), False
    for line in masked.split("\n"):
        line = line.rstrip(" \t\f")
        if line or joined:
            lines.append(line)
        joined = line.endswith("\\")
    return "\n".join(lines)


def _imports(lines: str) -> Iterator[Import]:
    for match in _IMPORT.finditer(lines.replace("\\\n", "  ")):
        if match["modules"] is not None:
            yield from (Import(0, name, ()) for name in _names(match["modules"]))
        else:
            base = "".join(match["base"].split())
            module = base.lstrip(".")
            names = match["long"] if match["short"] is None else match["short"]
            yield Import(len(base) - len(module), module, tuple(_names(names)))


def _names(listed: str) -> Iterator[str]:
    """The names of an import statement's list, without those that they are given."""
    for item in listed.split(","):
        name = "".join(re.split(r"\bas\b", item)[0].split())
        if name:
            yield name


def _blank(match: re.Match[str]) -> str:
    """A blank of C code where two words or two signs would become one without, else nothing."""
    sides = match.string[match.start() - 1] + match.string[match.end()]
    return " " if _C_WORDS.match(sides) or _C_SIGNS.match(sides) else ""
