"""The code of a source file: prose leaves it as it is, code does not, and every Python agrees."""

from __future__ import annotations

import ast
import functools
import glob
import importlib.util
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers.builds import REPOSITORY
from vbdata.plugins import source_text
from vbdata.plugins.source_text import Import, c_code, python_code

FOLDERS = ("vbdata/core", "vbdata/shard", "vbdata/plugins", "pipelines", "transforms")
FILES = [path for folder in FOLDERS for path in sorted((REPOSITORY / folder).rglob("*.py"))]
C_FILES = sorted((REPOSITORY / "vbdata" / "core" / "compiled").glob("*.c"))

# Source and its code, on every Python; what only newer ones can run is read by all alike.
GOLDEN = {
    "comments": (
        "#!/bin/sh\n# -*- coding: utf-8 -*-\nx = 1  # one\n\n  # two\ny = 2#\n",
        "x = 1\ny = 2",
    ),
    "no line feed at the end": ("x = 1 # one", "x = 1"),
    "nothing": ("\n# nothing\n\n", ""),
    "a docstring of a module": ('"""One.\n\nTwo."""\nimport a\n', "import a"),
    "docstrings": (
        'class A:\n    """A."""\n    def f(self):\n        r\'F\'\n        return 1\n',
        "class A:\n    def f(self):\n        return 1",
    ),
    "nothing but a docstring": ('class A:\n    """A."""\n\nx = 1\n', "class A:\nx = 1"),
    "async, decorated": (
        '@a(\n  "b")\nasync  def f(\n    x,  # in\n) -> "T":\n    u"F."\n    return x\n',
        '@a(\n  "b")\nasync  def f(\n    x,\n) -> "T":\n    return x',
    ),
    "on one line": ('def f(): "F."\ndef g(): "G."; return 1\n', "def f():\ndef g(): return 1"),
    "with a semicolon": ('"""M."""; x = 1\n"not one"; y = 2\n', 'x = 1\n"not one"; y = 2'),
    "in pieces": (
        'def f():\n    "a" \'b\' \\\n    """c"""\n    return 1\n'
        'def g():\n    ("a"  # a\n     "b")\n',
        "def f():\n    return 1\ndef g():",
    ),
    "in brackets": (
        'def f():\n    (("a"))\ndef g():\n    ("a",)\n',
        'def f():\ndef g():\n    ("a",)',
    ),
    "no docstrings": (
        'def f():\n    b"F"\ndef g():\n    f"G"\n'
        'def h():\n    "H" + x\ndef i():\n    "I".strip()\n',
        'def f():\n    b"F"\ndef g():\n    f"G"\ndef h():\n    "H" + x\ndef i():\n    "I".strip()',
    ),
    "no docstrings, either": (
        'x: "int" = 1\n"of x"\nif x: "no"\nlambda: "no"\nclass A: x: "no"\n',
        'x: "int" = 1\n"of x"\nif x: "no"\nlambda: "no"\nclass A: x: "no"',
    ),
    "only the first is one": ('def f():\n    "a"\n    "b"\n', 'def f():\n    "b"'),
    "a header with colons": (
        'def f(a: dict[str, int] = {1: 2}, b=lambda: 0) -> x[1:2]: "F."\n'
        'def g() -> lambda: 0: "G."\n',
        "def f(a: dict[str, int] = {1: 2}, b=lambda: 0) -> x[1:2]:\ndef g() -> lambda: 0:",
    ),
    "types as parameters": ('class A[T: (int, str)](B):\n    "A."\n', "class A[T: (int, str)](B):"),
    "signs of comments in strings": (
        "a = '#'  # c\nb = \"'#\"#c\nc = '\\'#' # c\nd = r'\\'  # c\n'\ne = '''#'# ''' # c\n",
        "a = '#'\nb = \"'#\"\nc = '\\'#'\nd = r'\\'  # c\n'\ne = '''#'# '''",
    ),
    "blank lines in strings": (
        'x = """a  \n\n# b\n\t\n"""  \n\n\ny = 1  \n',
        'x = """a  \n\n# b\n\t\n"""\ny = 1',
    ),
    "blank lines in brackets": ("f(a,\n\n  # b\n  c)\n", "f(a,\n  c)"),
    "lines that go on": ("x = 1 + \\\n    2  # c\n\ny = 1\n", "x = 1 + \\\n    2\ny = 1"),
    "a blank line that ends one": ("x = 1 \\\n\n-y\n", "x = 1 \\\n\n-y"),
    "and the same without": ("x = 1 \\\n-y\n", "x = 1 \\\n-y"),
    "a string that goes on": ("x = 'a \\\n# b' # c\n", "x = 'a \\\n# b'"),
    "prefixes": (
        "a = rb'\\'#'  # c\nb = Rb\"#\" # c\nc = u'#' # c\n"
        "return'#'  # c\nx = 1 if y else'f{#' # c\n",
        "a = rb'\\'#'\nb = Rb\"#\"\nc = u'#'\nreturn'#'\nx = 1 if y else'f{#'",
    ),
    "formatted": (
        "a = f'{x:#>{w}}#'  # c\nb = f'{{#{x!r:{y}}}}' # c\n"
        "c = rf'\\{x}#' # c\nd = F'\\N{BULLET}#' # c\n",
        "a = f'{x:#>{w}}#'\nb = f'{{#{x!r:{y}}}}'\nc = rf'\\{x}#'\nd = F'\\N{BULLET}#'",
    ),
    "formatted, with strings": (
        'a = f\'{d["}"]}#\'  # c\nb = f"""{\n  d[\'"\']  }\n\n#""" # c\nc = f\'{x:{"{"}>9}\' # c\n',
        'a = f\'{d["}"]}#\'\nb = f"""{\n  d[\'"\']  }\n\n#"""\nc = f\'{x:{"{"}>9}\'',
    ),
    "formatted, of Python 3.12": (
        "a = f'{d['#']}#'  # c\nb = f'{x  # it's\n}'  # c\n"
        "c = f'{f'{f'#'}'}' # c\nd = f'{a['b':1]:#}' # c\n",
        "a = f'{d['#']}#'\nb = f'{x  # it's\n}'\nc = f'{f'{f'#'}'}'\nd = f'{a['b':1]:#}'",
    ),
    "templates of Python 3.14": (
        "a = t'{x['#']}#'  # c\nb = rt'#' # c\n",
        "a = t'{x['#']}#'\nb = rt'#'",
    ),
    "a form feed": ("x = 1\n\f\n\fy = 2 \f\n", "x = 1\n\fy = 2"),
    "letters": ("größe = 'ß#'  # groß\n", "größe = 'ß#'"),
    "masks": ("x = '\x01' # \x02\n\x01 = '\x02'\n", "x = '\x01'\n\x01 = '\x02'"),
    "headers without a colon": (
        'def f()\n    "F"\ndef g()\n    "G"\nclass A: "A"\ndef h()\n    "H"\n',
        'def f()\n    "F"\ndef g()\n    "G"\nclass A:\ndef h()\n    "H"',
    ),
    "what is no Python": ("x = 'a # b\ny = (\n'''z # \n", "x = 'a # b\ny = (\n'''z # \n"),
}

# Each line imports something.
IMPORTS = {
    "import a": [Import(0, "a", ())],
    "import a.b as c, d": [Import(0, "a.b", ()), Import(0, "d", ())],
    "from a.b import c as d, e": [Import(0, "a.b", ("c", "e"))],
    "from . import a": [Import(1, "", ("a",))],
    "from .import a": [Import(1, "", ("a",))],
    "from .. a import(b,\n  c as d,  # e\n)": [Import(2, "a", ("b", "c"))],
    "from ...a.b import *": [Import(3, "a.b", ("*",))],
    "from a \\\n  import b, \\\n  c": [Import(0, "a", ("b", "c"))],
    "try: import a\nexcept ImportError: from b import c; import d": [
        *(Import(0, "a", ()), Import(0, "b", ("c",)), Import(0, "d", ())),
    ],
    "def f():\n    if x:\n        import a": [Import(0, "a", ())],
    "class A:\n    from importance import a": [Import(0, "importance", ("a",))],
    "'''\nimport a\n'''\nx = 'import b'\n# import c\nimport_ = from_ = 1": [],
    "def f():\n    yield (yield\n      from g)\nraise X from y": [],
}

C_GOLDEN = {
    "comments": ("int x; // one\n/* two\n * three */\n\nint y; /* four */\n", "int x;\nint y;"),
    "comments within": ("f(x /* a */, /* b */ y) /* c */;\nint/**/z;\n", "f(x,y);\nint z;"),
    "tokens stay apart": (
        'a + +b; a++ +b; a+ ++b; c = &x & - y;\nreturn "x"; return L"x" "y"; }\n',
        'a+ +b;a++ +b;a+ ++b;c= &x& -y;\nreturn "x";return L"x" "y";}',
    ),
    "strings": (
        "s = \"/* no */\"; // \"\nc = '\"'; d = '\\''; // c\n",
        "s=\"/* no */\";\nc='\"';d='\\'';",
    ),
    "directives": (
        "#define f (x)  // c\n#define f(x) \\\n  g( x )\n",
        "#define f (x)\n#define f(x) \\\ng( x )",
    ),
    "a comment that goes on": ("// a \\\nb\nint x;\n", "int x;"),
}


def files(folder: str) -> list[Path]:
    return [path for path in FILES if path.is_relative_to(REPOSITORY / folder)]


@functools.cache
def decoded(path: Path) -> str:
    return importlib.util.decode_source(path.read_bytes())


@pytest.mark.parametrize("name", GOLDEN)
def test_the_code_of_a_snippet(name: str) -> None:
    source, code = GOLDEN[name]
    assert python_code(source).text == code


@pytest.mark.parametrize("name", C_GOLDEN)
def test_the_code_of_a_snippet_of_c(name: str) -> None:
    source, code = C_GOLDEN[name]
    assert c_code(source) == code


@pytest.mark.parametrize("text", IMPORTS)
def test_what_a_snippet_imports(text: str) -> None:
    assert list(python_code(text).imports) == IMPORTS[text]


def reference(text: str) -> str:
    """The code of a file by this Python's own tokenizer and parser."""
    rows = text.split("\n")
    begins = [0, *(found.end() for found in re.finditer("\n", text))]
    chars = list(text)
    for start, end in docstrings(text, rows):
        first, last = begins[start[0] - 1] + start[1], begins[end[0] - 1] + end[1]
        last = re.compile(r"[ \t\f]*(;[ \t\f]*)?").match(text, last).end()  # type: ignore[union-attr]
        chars[first:last] = [""] * (last - first)
    for start, end, is_comment in comments_and_strings(text):
        for at in range(begins[start[0] - 1] + start[1], begins[end[0] - 1] + end[1]):
            chars[at] = "" if is_comment else chars[at].replace("\n", "\0")
    lines = [""]
    for line in "".join(chars).split("\n"):
        if line.strip(" \t\f") or lines[-1].endswith("\\"):
            lines.append(line.rstrip(" \t\f"))
    return "\n".join(lines[1:]).replace("\0", "\n")


Place = tuple[int, int]  # row, from 1, and column


def docstrings(text: str, rows: list[str]) -> Iterator[tuple[Place, Place]]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr) and ast.get_docstring(node, clean=False) is not None:
                ends = (first.lineno, first.col_offset), (first.end_lineno, first.end_col_offset)
                start, end = ((row, len(rows[row - 1].encode()[:at].decode())) for row, at in ends)
                yield start, end


def comments_and_strings(text: str) -> Iterator[tuple[Place, Place, bool]]:
    begun: list[Place] = []
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        kind = tokenize.tok_name[token.type]
        if kind in ("FSTRING_START", "TSTRING_START"):
            begun.append(token.start)
        elif kind in ("FSTRING_END", "TSTRING_END"):
            start = begun.pop()
            if not begun:
                yield start, token.end, False
        elif kind in ("STRING", "COMMENT") and not begun:
            yield token.start, token.end, kind == "COMMENT"


def runs_here(source: str) -> bool:
    try:
        ast.parse(source)
    except (SyntaxError, ValueError):
        return False
    return True


@pytest.mark.parametrize("name", [n for n, (source, _) in GOLDEN.items() if runs_here(source)])
def test_the_reference_reads_the_snippets_so_too(name: str) -> None:
    source, code = GOLDEN[name]
    assert reference(source) == code


@pytest.mark.slow
@pytest.mark.parametrize("folder", FOLDERS)
def test_the_code_of_our_files_is_what_pythons_own_tokenizer_and_parser_find(folder: str) -> None:
    for path in files(folder):
        assert python_code(decoded(path)).text == reference(decoded(path)), path


def bodies(tree: ast.Module) -> Iterator[tuple[int, int]]:
    """Row and indentation of the body of each class and function that has no docstring."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0]
            row = min([first.lineno, *(d.lineno for d in getattr(first, "decorator_list", ()))])
            if ast.get_docstring(node) is None and row > node.lineno:
                yield row, first.col_offset


def embellished(text: str) -> str:
    """The text with a comment at the end of each line, blank lines and comments between, docstrings
    for all that have none.
    """
    rows = text.replace('"""', '"""In other words: ', 1).split("\n")
    inside = {row for a, b, comment in comments_and_strings(text) for row in range(a[0], b[0])}
    inside |= {number for number, row in enumerate(rows, 1) if row.endswith("\\")}
    first = dict(bodies(ast.parse(text)))
    out = []
    for number, row in enumerate(rows, 1):
        if number in first:
            out.append(" " * first[number] + '"""It\'s "what" it is:\n\n# this."""')
        plain = number not in inside
        out.append(f'{row}  # it\'s """ {{' if plain else row)
        out += ["", "\t ", "    # and (why", ""] * plain
    return "\n".join(out)


@pytest.mark.slow
@pytest.mark.parametrize("folder", FOLDERS)
def test_prose_anywhere_leaves_the_code_of_our_files(folder: str) -> None:
    for path in files(folder):
        text = decoded(path)
        other = embellished(text)
        assert other.count("\n") > text.count("\n"), path
        ast.parse(other)
        assert python_code(other).text == python_code(text).text, path


@functools.cache
def tokens_of_code(path: Path) -> list[tokenize.TokenInfo]:
    """The tokens of a file that are neither layout nor prose."""
    text = decoded(path)
    spans = list(docstrings(text, text.split("\n")))
    kinds = (tokenize.NAME, tokenize.NUMBER, tokenize.OP, tokenize.STRING)
    return [
        token
        for token in tokenize.generate_tokens(io.StringIO(text).readline)
        if token.type in kinds and not any(a <= token.start < b for a, b in spans)
    ]


@pytest.mark.slow
@given(st.data())
def test_any_change_of_code_changes_it(data: st.DataObject) -> None:
    path = data.draw(st.sampled_from([path for path in FILES if tokens_of_code(path)]))
    token = data.draw(st.sampled_from(tokens_of_code(path)))
    rows = decoded(path).split("\n")
    (row, begin), (last, end) = token.start, token.end
    how = data.draw(st.sampled_from(["more", "less", "indented", "line gone"]))
    if how == "more":
        at = data.draw(st.integers(begin, end if row == last else len(rows[row - 1])))
        rows[row - 1] = rows[row - 1][:at] + (token.string[0] + "z") + rows[row - 1][at:]
    elif how == "less":
        rows[row - 1] = rows[row - 1][:begin] + rows[row - 1][begin + 1 :]
    elif how == "indented":
        rows[row - 1] = " " + rows[row - 1]
    else:
        del rows[row - 1]
    assert python_code("\n".join(rows)).text != python_code(decoded(path)).text


@pytest.mark.parametrize("path", C_FILES, ids=lambda path: path.stem)
def test_the_code_of_our_c_files_is_what_a_preprocessor_finds(path: Path) -> None:
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler is here")
    command = [compiler, "-fpreprocessed", "-dD", "-E", "-P", "-x", "c", str(path)]
    found = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    code = c_code(path.read_text())
    assert "".join(code.split()) == "".join(found.split())
    assert not re.search(r"/[*/]|\n\n", code)


@pytest.mark.parametrize("path", C_FILES, ids=lambda path: path.stem)
def test_any_change_of_c_changes_its_code_and_comments_do_not(path: Path) -> None:
    text = path.read_text()
    code = c_code(text)
    assert c_code(f'/* it\'s "new"\n * // */\n\n{text}\n// the end') == code
    assert c_code(re.sub(r"\);\n", ") /* it's */; // so \"\n\n", text)) == code
    assert c_code(code) == code
    for word in sorted(set(re.findall(r"\w+", code)))[::9]:
        assert c_code(re.sub(rf"\b{word}\b", f"{word}z", code)) != code, word
    for sign in set("+-*/%<>=!&|^~?:;,(){}[]") & set(code):
        assert c_code(code.replace(sign, sign * 2, 1)) != code, sign


PLACES = (
    *os.environ.get("PATH", "").split(os.pathsep),
    *("/usr/bin", "/usr/local/bin", "/opt/*/bin", "/opt/hostedtoolcache/Python/*/*/bin"),
    *("~/.pyenv/versions/*/bin", "~/.local/bin", "~/.local/share/uv/python/*/bin"),
)
VERSION = "import sys; print(*sys.version_info[:2])"
READ = """
import importlib.util, json, sys
spec = importlib.util.spec_from_file_location("source_text", sys.argv[1])
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
python, c = json.load(sys.stdin)
found = [[module.python_code(text) for text in python], [module.c_code(text) for text in c]]
json.dump(found, sys.stdout)
"""


def pythons() -> dict[tuple[int, ...], str]:
    """The other Pythons of this machine that vbdata supports: version -> executable."""
    found: dict[tuple[int, ...], str] = {}
    for place in PLACES:
        for file in glob.glob(f"{os.path.expanduser(place)}/python3.[0-9]*"):
            if re.fullmatch(r"python3\.\d+", Path(file).name):
                said = subprocess.run([file, "-IS", "-c", VERSION], capture_output=True, text=True)
                version = tuple(map(int, said.stdout.split())) if not said.returncode else ()
                if version >= (3, 11) and version != sys.version_info[:2]:
                    found.setdefault(version, file)
    return found


@pytest.mark.slow
def test_every_python_of_this_machine_finds_the_same_code() -> None:
    """Each runs the very module, with nothing but its standard library."""
    others = pythons()
    if not others:
        pytest.skip("no second Python from 3.11 on is here; the snippets hold for each that runs")
    python = [*(source for source, _ in GOLDEN.values()), *IMPORTS, *map(decoded, FILES)]
    c = [*(source for source, _ in C_GOLDEN.values()), *(path.read_text() for path in C_FILES)]
    here = json.loads(json.dumps([[*map(python_code, python)], [*map(c_code, c)]]))
    for version, executable in others.items():
        done = subprocess.run(
            [executable, "-IS", "-c", READ, source_text.__file__],
            input=json.dumps([python, c]),
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, f"{version}: {done.stderr}"
        assert json.loads(done.stdout) == here, version
