"""What the commands of `vbdata bench` share: options, what they open, and the console."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from vbdata.bench.rows import Rows

Name = Annotated[str, typer.Argument(metavar="NAME", help="A benchmark of `vbdata bench list`.")]
AnswerFolders = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="ANSWERS...",
        help="Folders of KEY.png or KEY.jpg, or of vote-0, vote-1 and on; several are votes.",
    ),
]
BuildAt = Annotated[
    str, typer.Option("--build", "-b", metavar="DIR", help="The benchmark's build.")
]
RawRoots = Annotated[
    list[str] | None,
    typer.Option(
        "--root",
        metavar="[SOURCE=]URL",
        help="Where the raw data lies: of all its sources, or of one. Repeatable; a source that is "
        "named twice is read from both.",
    ),
]


def roots_of(roots: list[str] | None) -> dict[str, list[str]]:
    """`--root SOURCE=URL` and `--root URL`, the latter under "". Raises RecipeError."""
    from vbdata.cli.common import given_roots

    named = [root for root in roots or () if _names_source(root)]
    given = given_roots(named)
    if plain := [root for root in roots or () if not _names_source(root)]:
        given[""] = plain
    return given


def _names_source(root: str) -> bool:
    name, equals, _ = root.partition("=")
    return bool(equals) and "/" not in name and ":" not in name


def rows_of(build: str, root: list[str] | None) -> Rows:
    """The queries of a build. root: as on the command line. Raises RecipeError, BuildError."""
    from vbdata.bench.rows import Rows
    from vbdata.errors import RecipeError
    from vbdata.storage.folder import Folder

    if not build:
        raise RecipeError(["--build DIR: which build do the answers belong to?"])
    given = roots_of(root)
    if "" in given:
        given = _everywhere(build, given)
    return Rows.of(Folder(build), given)


def _everywhere(build: str, given: dict[str, list[str]]) -> dict[str, list[str]]:
    from vbdata.manifest.opened import open_build
    from vbdata.storage.folder import Folder

    plain = given.pop("")
    sources = open_build(Folder(build)).manifest.recipe.sources
    return dict.fromkeys(sources, plain) | given


def answers_of(rows: Rows, folders: list[str] | None, targets: bool) -> Any:
    """The answers in some folders, or the build's own targets. Raises RecipeError."""
    from vbdata.bench.answers import Answers, Targets
    from vbdata.errors import RecipeError

    if targets and not folders:
        return Answers([Targets(rows.build)])
    if targets or not folders:
        raise RecipeError(["ANSWERS: folders of answers, or --targets"])
    return Answers.of(folders)


def console() -> Console:
    """Where tables are printed: as wide as the terminal, or 140 columns where there is none."""
    import sys

    from vbdata.terminal.tables import SafeConsole

    return SafeConsole(highlight=False, width=None if sys.stdout.isatty() else 140)
