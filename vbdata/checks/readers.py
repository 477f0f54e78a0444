"""What other libraries read of a build against the manifest, of which it is a function.

The files are made again (vbdata.publish) and compared by their SHA-256. Another version of vbdata
may word or lay them out differently: of a build that other code made, a difference is a note.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from vbdata import plugins
from vbdata.core.prompts import prompt_digest
from vbdata.layout import MANIFEST, SUMS
from vbdata.manifest.model import Manifest
from vbdata.publish import reader_files


def reader_faults(
    manifest: Manifest, document: Mapping[str, Any], sums: Mapping[str, str], notes: list[str]
) -> Iterator[str]:
    """A sentence for each file that is not the one that the manifest gives, and for each other one.

    manifest, document: manifest.json, typed and as plain values, which agree with their digests;
    sums: SHA-256 by path, as SHA256SUMS has it; notes: takes what cannot be judged here.
    """
    try:
        expected = {path: _sha256(pieces) for path, pieces in reader_files(document, sums).items()}
    except (LookupError, ValueError, TypeError, ArithmeticError) as err:
        why = f"{type(err).__name__}: {err}"
        notes.append(f"what other libraries read cannot be made here and was not judged: {why}")
        return
    wrong = [
        f"{path}: not the file that follows from {MANIFEST}"
        if path in sums
        else f"{path}: missing, also in {SUMS}"
        for path, digest in expected.items()
        if sums.get(path) != digest
    ]
    known = expected.keys() | {*manifest.published}
    wrong += [f"{path}: no file of a build" for path in sums if path not in known]
    if _made_by_this_code(manifest):
        yield from wrong
    elif wrong:
        notes.append(f"made by other code than this, so not judged: {'; '.join(wrong)}")


def _sha256(pieces: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece)
    return digest.hexdigest()


def _made_by_this_code(manifest: Manifest) -> bool:
    """Whether the code that made a build is what is installed here, as far as it says."""
    code = manifest.code
    if (code.engine, code.prompts) != (plugins.engine_digest(), prompt_digest()):
        return False
    return all(
        plugins.usable(plugins.TASKS, task) is not None
        and digest == plugins.code_digest(plugins.TASKS, task)
        for task, digest in code.tasks.items()
    )
