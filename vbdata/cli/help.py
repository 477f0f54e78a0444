"""Help pages for terminals: usage, text, options in groups, examples that can be copied.

Typer draws frames, types such as <bool> and wrapped examples; these pages have the words of the
commands alone. Options and commands are grouped by their `rich_help_panel`.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import typer
import typer.core
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

OPTIONS, ARGUMENTS, COMMANDS = "Options", "Arguments", "Commands"
WIDEST = 100  # columns of a page
LONGEST = 26  # characters of an option that has its text on the same line
INDENT = 2
VALUES = {  # what stands for a value whose option does not say it, by the name of its type
    **dict.fromkeys(("int", "integer", "integer range"), "N"),
    **dict.fromkeys(("float", "float range"), "X"),
    **dict.fromkeys(("Path", "path", "file", "directory"), "PATH"),
}


class Command(typer.core.TyperCommand):
    """A command whose help is a plain page."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """The arguments, the options that must be given, and a word for the others."""
        return list(_usage(self, ctx))

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Print the page."""
        _print(_page(self, ctx))


class Group(typer.core.TyperGroup):
    """A command with commands below it, which its help lists in groups."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """The words after the group's own name."""
        return ["COMMAND", "..."]

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Print the page."""
        _print(_page(self, ctx))


def plain(app: typer.Typer) -> None:
    """Give all commands of an app, and of the groups below it, these pages."""
    app.info.cls = Group
    for command in app.registered_commands:
        command.cls = Command
    for group in app.registered_groups:
        if group.typer_instance is not None:
            group.cls = Group
            plain(group.typer_instance)


def _page(command: Any, ctx: Any) -> Iterator[RenderableType]:
    pieces = command.collect_usage_pieces(ctx)
    yield Text.assemble(("Usage: ", "bold"), " ".join([ctx.command_path, *pieces]))
    text, examples = _parts(command.help or "")
    for paragraph in text:
        yield Text()
        yield paragraph
    yield from _sections(command, ctx)
    if examples:
        yield Text()
        yield Text("Examples", style="bold")
        yield _literal(examples)


def _parts(text: str) -> tuple[list[RenderableType], list[str]]:
    """The paragraphs of a docstring, and the lines of its examples."""
    shown, lines, sought = list[RenderableType](), list[str](), False
    for part in re.split(r"\n\s*\n", inspect.cleandoc(text)):
        if part.startswith(("    ", "vbdata ")):  # examples, of which each may be a paragraph
            lines += [line.removeprefix("    ") for line in part.splitlines()]
            continue
        if lines and not sought:
            shown.append(_literal(lines))
            lines = []
        sought = part.strip() in ("Example:", "Examples:")
        if part.strip() and not sought:
            shown.append(Text(" ".join(part.split())))
    if lines and not sought:
        shown.append(_literal(lines))
    return shown, lines if sought else []


def _literal(lines: list[str]) -> Text:
    """Lines as they stand, which no screen breaks."""
    return Text("\n".join(" " * INDENT + line for line in lines), no_wrap=True, overflow="ignore")


def _sections(command: Any, ctx: Any) -> Iterator[RenderableType]:
    arguments = [p for p in command.get_params(ctx) if p.param_type_name == "argument"]
    rows = [(_value(p), _told(p, ctx)) for p in arguments if not p.hidden]
    if rows:
        yield from _section(ARGUMENTS, rows)
    for name, members in _grouped(_commands(command, ctx), COMMANDS):
        yield from _section(name, [(n, Text(_first(c))) for n, c in members])
    options = [p for p in command.get_params(ctx) if p.param_type_name != "argument"]
    named = [(str(p.name), p) for p in options if not p.hidden]
    for name, listed in _grouped(named, OPTIONS):
        yield from _section(name, [(_option(p), _told(p, ctx)) for _, p in listed])


def _commands(command: Any, ctx: Any) -> list[tuple[str, Any]]:
    if not hasattr(command, "list_commands"):
        return []
    found = ((name, command.get_command(ctx, name)) for name in command.list_commands(ctx))
    return [(name, each) for name, each in found if each is not None and not each.hidden]


def _grouped(members: Iterable[tuple[str, Any]], rest: str) -> list[tuple[str, Any]]:
    """By the name of their panel, in order of first appearance; where none is said, in `rest`."""
    groups: dict[str, list[tuple[str, Any]]] = {}
    for name, each in members:
        panel = getattr(each, "rich_help_panel", None)
        groups.setdefault(panel if isinstance(panel, str) else rest, []).append((name, each))
    return sorted(groups.items(), key=lambda group: (group[0] != rest) == (rest == OPTIONS))


def _section(name: str, rows: list[tuple[str, Text]]) -> Iterator[RenderableType]:
    """A heading and a table of words and what they mean; long words have a line of their own."""
    yield Text()
    yield Text(name, style="bold")
    width = min(LONGEST, max(len(word) for word, _ in rows))
    for word, text in rows:
        table = Table.grid(padding=(0, 2, 0, 0))
        table.add_column(width=INDENT + width, no_wrap=True)
        table.add_column(ratio=1)
        if len(word) > width:
            yield Text(" " * INDENT + word, style="cyan", no_wrap=True, overflow="ignore")
            word = ""
        table.add_row(Text(" " * INDENT + word, style="cyan"), text)
        yield table


def _usage(command: Any, ctx: Any) -> Iterator[str]:
    params = command.get_params(ctx)
    for each in params:
        if each.param_type_name == "argument":
            value = _value(each)
            yield value if each.required or value.startswith("[") else f"[{value}]"
        elif each.required:
            yield f"{each.opts[0]} {_value(each)}"
    if any(p.param_type_name != "argument" and not p.required for p in params):
        yield "[OPTIONS]"


def _value(param: Any) -> str:
    """What stands for a parameter's value: its metavar, else a word for its type."""
    if param.metavar:
        return str(param.metavar)
    if param.param_type_name == "argument":
        return str(param.name).upper()
    annotation = getattr(getattr(param, "type_descriptor", None), "annotation", None)
    kind = getattr(annotation, "__name__", None) or getattr(param.type, "name", "")
    word = param.opts[-1].lstrip("-").upper()  # of a text, or of a list
    return VALUES.get(str(kind), word)


def _option(param: Any) -> str:
    """An option as it is typed: its short name, its long ones, and what it takes."""
    short = [name for name in param.opts if not name.startswith("--")]
    long = [name for name in param.opts if name.startswith("--")]
    names = "/".join([", ".join([*short, *long]), *param.secondary_opts])
    flag = getattr(param, "is_flag", False) or getattr(param, "count", False)
    return names if flag else f"{names} {_value(param)}"


def _told(param: Any, ctx: Any) -> Text:
    """What a parameter means, and its default where the text has none."""
    text = (param.help or "").strip()
    default = param.get_default(ctx, call=False)
    plain = isinstance(default, str | int | float | Path) and not isinstance(default, bool)
    said = "default" in text.lower() or param.required or getattr(param, "is_flag", False)
    if plain and default != "" and not said:
        number = f"{default:g}" if isinstance(default, float) else str(default)
        text += f" Default: {'the working directory' if number == '.' else number}."
    if param.required and param.param_type_name != "argument":
        text += " Required."
    return Text(text)


def _first(command: Any) -> str:
    """The first sentence of a command's text."""
    text = " ".join(re.split(r"\n\s*\n", inspect.cleandoc(command.help or ""))[0].split())
    return re.split(r"(?<=\.)\s", text)[0]


def _print(parts: Iterable[RenderableType]) -> None:
    to = Console(highlight=False)
    to.width = min(to.width, WIDEST)
    for part in parts:
        to.print(part, soft_wrap=isinstance(part, Text) and part.no_wrap)
