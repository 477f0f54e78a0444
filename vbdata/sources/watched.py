"""Questions to a root, and roots that pass every question on: to note it, to time it.

A reader's result is a function of its arguments and of the answers that its root gives. Whoever
noted the questions finds out whether the result would be the same by asking them again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from vbdata.storage.filelist import FileList
from vbdata.storage.root import Root

# Methods of a root by name; "range" is read_range, "whole" the SHA-256 of a file.
KINDS: Final = ("exists", "size", "files", "folders", "read", "range", "whole")

Answer = bool | int | str | bytes | list[str] | FileList


@dataclass(frozen=True, slots=True)
class Question:
    """One thing that is asked of a root. kind: one of KINDS; span: offset and size of a range."""

    kind: str
    path: str
    span: tuple[int, int] | None = None

    def parts(self) -> list[str | int]:
        """The question as values of JSON: kind, path, and of a range its offset and size."""
        return [self.kind, self.path, *(self.span or ())]


def parse_question(parts: Sequence[Any]) -> Question:
    """The question that `Question.parts` wrote. Raises ValueError for anything else."""
    match parts:
        case ["range", str(path), int(offset), int(size)] if offset >= 0:
            return Question("range", path, (offset, size))
        case [str(kind), str(path)] if kind in KINDS and kind != "range":
            return Question(kind, path)
    raise ValueError(f"no question to a root: {parts!r:.80}; known: {', '.join(KINDS)}")


def ask(root: Root, question: Question) -> Answer:
    """What a root answers. Raises BadSample and OSError as the root does."""
    path = question.path
    match question.kind:
        case "exists":
            return root.exists(path)
        case "size":
            return root.size(path)
        case "files":
            return root.listing(path)
        case "folders":
            return root.folders(path)
        case "read":
            return root.read(path)
        case "range" if question.span:
            return root.read_range(path, *question.span)
        case "whole":
            return root.sha256(path)
    raise ValueError(f"no question to a root: {question}; known: {', '.join(KINDS)}")


class Watched(Root):
    """A root that passes every question on to another root, through `answer`.

    Subclasses extend `answer`. A stream or a local copy is read by ranges, each of them a question.
    """

    def __init__(self, root: Root) -> None:
        self._root, self.url = root, root.url

    def answer(self, question: Question) -> Any:
        """What the other root answers. Raises BadSample and OSError as that root does."""
        return ask(self._root, question)

    def exists(self, path: str = "") -> bool:
        """Whether a file or folder is there."""
        return bool(self.answer(Question("exists", path)))

    def size(self, path: str) -> int:
        """Bytes of a file, -1 if it is not there."""
        return int(self.answer(Question("size", path)))

    def listing(self, below: str = "") -> FileList:
        """All files below a folder, at any depth, sorted by path."""
        listed: FileList = self.answer(Question("files", below))
        return listed

    def folders(self, below: str = "") -> list[str]:
        """Names of the folders directly below one, sorted."""
        return list(self.answer(Question("folders", below)))

    def read(self, path: str) -> bytes:
        """A whole file. Raises BadSample("missing") if it is not there."""
        data: bytes = self.answer(Question("read", path))
        return data

    def read_range(self, path: str, offset: int, size: int) -> bytes:
        """`size` bytes of a file from `offset` on, fewer if it ends sooner.

        Raises BadSample("missing") if it is not there.
        """
        data: bytes = self.answer(Question("range", path, (offset, size)))
        return data
