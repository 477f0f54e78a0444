"""Questions to a root: written down and asked again, and passed on by a root that is watched."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from vbdata.errors import BadSample
from vbdata.sources.watched import KINDS, Question, Watched, ask, parse_question
from vbdata.storage.filelist import FileList
from vbdata.storage.folder import Folder

DATA = b"0123456789"


@pytest.fixture
def root(tmp_path: Path) -> Folder:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a").write_bytes(DATA)
    return Folder(str(tmp_path))


ANSWERS = {
    Question("exists", "sub"): True,
    Question("exists", "b"): False,
    Question("size", "sub/a"): 10,
    Question("size", "b"): -1,
    Question("files", ""): FileList(["sub/a"], [10]),
    Question("folders", ""): ["sub"],
    Question("read", "sub/a"): DATA,
    Question("range", "sub/a", (8, 5)): b"89",
    Question("whole", "sub/a"): hashlib.sha256(DATA).hexdigest(),
}


def test_questions_are_asked_as_they_were_written(root: Folder) -> None:
    assert {question.kind for question in ANSWERS} == {*KINDS}
    for question, answer in ANSWERS.items():
        again = parse_question(json.loads(json.dumps(question.parts())))
        assert again == question
        assert ask(root, again) == answer


@pytest.mark.parametrize(
    "parts",
    [[], ["read"], ["read", 3], ["read", "a", 1], ["range", "a"], ["range", "a", 0], ["exec", "a"],
     ["range", "a", -1, 4], ["range", "a", "0", 4], [["read"], "a"], "ab"],
)  # fmt: skip
def test_what_is_no_question_is_refused(parts: Any) -> None:
    with pytest.raises(ValueError, match=r"no question to a root: .*; known: exists, size"):
        parse_question(parts)


class Noting(Watched):
    def __init__(self, root: Folder) -> None:
        super().__init__(root)
        self.asked: list[Question] = []

    def answer(self, question: Question) -> Any:
        self.asked.append(question)
        return super().answer(question)


def test_a_watched_root_answers_as_the_root_does_and_misses_no_question(root: Folder) -> None:
    watched = Noting(root)
    assert [ask(watched, question) for question in ANSWERS] == [*ANSWERS.values()]
    (whole,) = (question for question in ANSWERS if question.kind == "whole")
    assert [question for question in ANSWERS if question != whole] == watched.asked[:8]
    watched.asked.clear()
    with watched.open("sub/a") as stream:
        assert stream.read() == DATA
    with watched.local_copy("sub/a") as copy:
        assert copy.read_bytes() == DATA
    assert {question.kind for question in watched.asked} == {"size", "range"}
    watched.asked.clear()
    with pytest.raises(BadSample, match="missing"):
        watched.read_range("b", 0, 4)
    assert watched.asked == [Question("range", "b", (0, 4))]
