"""What the commands share: arguments and options, and how errors become text and exit codes."""

from __future__ import annotations

import signal
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vbdata.terminal import events

if TYPE_CHECKING:
    from vbdata.recipe.recipe import Recipe

EXIT_FAILED, EXIT_RECIPE, EXIT_INTERRUPTED, EXIT_TERMINATED = 1, 2, 130, 143

PYTHONS_TEXT = warnings.formatwarning

WHERE = "Where it runs"  # a group of options

RecipeFile = Annotated[Path, typer.Argument(metavar="RECIPE", help="A recipe (.yaml).")]
BuildFolder = Annotated[str, typer.Argument(metavar="DIR", help="A build: a folder or a URL.")]
Roots = Annotated[
    list[str] | None,
    typer.Option(
        "--root",
        metavar="SOURCE=URL",
        help="Where a source's raw data lies: a folder, zip or tar, a path or any fsspec URL. "
        "Repeatable; a source that is named twice is read from both.",
    ),
]
Workers = Annotated[
    int | None,
    typer.Option(
        min=1,
        metavar="N",
        rich_help_panel=WHERE,
        help="Number of Ray actors. Default: the machine's cores, or as many as a running cluster "
        "has room for, as its nodes come and go.",
    ),
]
Planned = Annotated[
    int | None,
    typer.Option(
        "--workers",
        min=1,
        metavar="N",
        help="For how many workers the time is estimated. Default: this machine's cores.",
    ),
]
Ray = Annotated[
    str,
    typer.Option(
        metavar="ADDRESS",
        rich_help_panel=WHERE,
        help="A running cluster: 'auto' or ray://HOST:PORT. Default: one that this command starts.",
    ),
]
Local = Annotated[
    bool,
    typer.Option(
        "--local",
        rich_help_panel=WHERE,
        help="Build in this process, without Ray. The bytes are the same.",
    ),
]
Device = Annotated[
    str,
    typer.Option(
        metavar="cpu|cuda", rich_help_panel=WHERE, help="Where labels are rendered. Default: cpu."
    ),
]
GpusPerWorker = Annotated[
    float,
    typer.Option(
        min=0.0,
        metavar="SHARE",
        rich_help_panel=WHERE,
        help="The share of a GPU that each actor takes, such as 0.25. Default: none.",
    ),
]
Processes = Annotated[
    int, typer.Option(min=1, help="Number of processes; the scores are the same.")
]
AllowMissing = Annotated[
    bool,
    typer.Option("--allow-missing", help="Exit with 0 even if answers are missing or faulty."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]


def cores() -> int:
    """This machine's cores, of which a build has a worker each."""
    import os

    return os.cpu_count() or 1


def known_names() -> list[str]:
    """The names of all readers and tasks, for completion."""
    from vbdata import plugins

    return [*plugins.names(plugins.DATASETS), *known_tasks()]


def known_tasks() -> list[str]:
    """The names of all tasks, for completion."""
    from vbdata import plugins

    return plugins.names(plugins.TASKS)


def read_recipe(path: Path, roots: list[str] | None) -> Recipe:
    """A recipe whose roots are overridden by `--root SOURCE=URL`. Raises RecipeError."""
    from vbdata.recipe.recipe import load_recipe

    return load_recipe(path, given_roots(roots))


def without_pandas(recipe: Recipe) -> None:
    """Have this process import no pandas, unless the recipe has plug-ins that may want it."""
    from vbdata import plugins
    from vbdata.machine import process

    readers = {source.dataset for source in recipe.sources}
    readers |= {held.dataset for held in recipe.holdout if held.dataset}
    used = {(plugins.DATASETS, name) for name in readers}
    used |= {(plugins.TASKS, task) for source in recipe.sources for task in source.tasks}
    if plugins.ours(used):
        process.without_pandas()


def given_roots(roots: list[str] | None) -> dict[str, list[str]]:
    """The values of `--root SOURCE=URL`, by source. Raises RecipeError for other forms."""
    from vbdata.errors import RecipeError

    pairs = [item.partition("=") for item in roots or ()]
    wrong = [f"--root {name}: expected SOURCE=URL" for name, equals, url in pairs if not url]
    if wrong:
        raise RecipeError(wrong)
    given: dict[str, list[str]] = {}
    for name, _, url in pairs:
        given.setdefault(name, []).append(url)
    return given


@contextmanager
def reported(as_json: bool) -> Iterator[None]:
    """Run a command: errors that are meant for people become text on standard error and exit codes.

    Other exceptions are bugs and keep their traceback. as_json: print errors as events instead.
    """
    from vbdata.errors import RecipeError, VbdataError

    terminated: list[int] = []

    def terminate(number: int, _: Any) -> None:
        terminated.append(number)  # Ray raises a KeyboardInterrupt of its own in place of ours
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, terminate)
    warnings.formatwarning = _warning_text
    try:
        yield
    except VbdataError as err:
        _print_error(type(err).__name__, str(err), as_json)
        raise typer.Exit(EXIT_RECIPE if isinstance(err, RecipeError) else EXIT_FAILED) from err
    except OSError as err:  # the machine's or a store's fault, not the program's: no traceback
        _print_error(type(err).__name__, str(err), as_json)
        raise typer.Exit(EXIT_FAILED) from None
    except MemoryError as err:
        text = f"out of memory: {err}; a plan needs some 10 bytes for each of the recipe's samples"
        _print_error("MemoryError", text, as_json)
        raise typer.Exit(EXIT_FAILED) from None
    except KeyboardInterrupt:
        _print_error("Interrupted", "what is finished is kept; run it again to go on", as_json)
        raise typer.Exit(EXIT_TERMINATED if terminated else EXIT_INTERRUPTED) from None


def _warning_text(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    line: str | None = None,
) -> str:
    """A warning for people as one line of text; others as Python has them."""
    from vbdata.errors import SlowerWarning

    if issubclass(category, SlowerWarning):
        return f"warning: {message}\n"
    return PYTHONS_TEXT(message, category, filename, lineno, line)


def _print_error(kind: str, text: str, as_json: bool) -> None:
    from vbdata.errors import visible
    from vbdata.storage.secrets import redacted

    text = redacted(text)
    line = events.line("error", kind=kind, text=text) if as_json else visible(f"vbdata: {text}")
    typer.echo(line, err=not as_json)
