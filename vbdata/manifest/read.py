"""manifest.json read: up to a size, typed part by part, compared with its own digest."""

from __future__ import annotations

import json
from typing import Any

from pydantic import ValidationError

from vbdata.errors import BadSample, one_line
from vbdata.layout import MANIFEST
from vbdata.manifest.json_text import canonical, manifest_digest
from vbdata.manifest.model import FORMAT, Manifest
from vbdata.manifest.sums import MOST, read_bounded
from vbdata.storage.folder import Folder


def read_manifest(folder: Folder, faults: list[str]) -> tuple[Manifest, dict[str, Any]] | None:
    """manifest.json, typed and as plain JSON values, or None if it cannot be read.

    Appends to `faults` a sentence for each thing that is wrong with it, and raises nothing,
    whatever bytes the file has.
    """
    try:
        content = read_bounded(folder, MANIFEST)
        document = json.loads(content)
        if not isinstance(document, dict):
            faults.append(f"{MANIFEST}: not a JSON object")
            return None
        if manifest_digest(document) != document.get("digest"):
            faults.append(f"{MANIFEST}: its digest is not that of its content; it was edited")
        elif content != canonical(document):  # a byte order mark, a key that stands twice, ...
            faults.append(f"{MANIFEST}: not laid out as it was written; it was edited")
        if document.get("format") != FORMAT:
            stated = repr(document.get("format"))[:100]
            faults.append(f"{MANIFEST}: of format {stated}, this vbdata reads {FORMAT}")
            return None
        json.dumps(document, ensure_ascii=False).encode()  # ValueError for half a character
        return Manifest.model_validate(document), document
    except ValidationError as err:
        for each in err.errors(include_url=False, include_input=False)[:MOST]:
            place = ".".join(map(str, each["loc"]))
            faults.append(one_line(f"{MANIFEST}: {place}: {each['msg']}"))
    except RecursionError:
        faults.append(f"{MANIFEST}: cannot be read: nested too deeply")
    except (ValueError, TypeError, OSError, BadSample) as err:
        faults.append(one_line(f"{MANIFEST}: cannot be read: {err}"))
    return None
