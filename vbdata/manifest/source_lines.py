"""The manifest's line of a source: its reader and licence, what it has, and what of it is lost."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from vbdata import plugins
from vbdata.index.index import Index
from vbdata.planning.exclusions import excluded_groups
from vbdata.planning.plan import Plan
from vbdata.planning.warnings import left_out, missing

MOST_LICENCES = 5  # that are named of a source's records


def source_line(plan: Plan, name: str) -> dict[str, Any]:
    """A source's line of the manifest (vbdata.manifest.model.SourceLine), as plain values."""
    index = plan.indices[name]
    dataset = index.source.dataset
    return {
        "source": name,
        "dataset": dataset,
        "license": licence_of(index),
        "homepage": plugins.dataset(dataset).HOMEPAGE,
        "entries": len(index),
        "faults": len(index.faults()),
        "missing": missing(index),
        "left_out": left_out(index),
        **({"filtered": index.filtered} if index.filtered else {}),
        "barred": dict(plan.barred[name]),
        **excluded_groups(plan, name),
        "fingerprint": index.fingerprint,
        "code": plugins.code_digest(plugins.DATASETS, dataset),
    }


def licence_of(index: Index) -> str:
    """The licence of a source: of its reader's official data, and of what its own records say.

    Data are a user's own if the reader knows no official release of them, or, in readers of both,
    if their groups are not those of the release.
    """
    module = plugins.dataset(index.source.dataset)
    own = _own(index)
    if not own.any():
        return str(module.LICENSE)
    sound = pc.equal(index.facts["fault"], "").to_numpy()
    said = pc.unique(index.facts["license"].filter(pa.array(own & (sound | own.all()))))
    names = sorted(said.to_pylist())
    if not (own | ~sound).all():
        names = [str(module.LICENSE), *(name for name in names if name != module.LICENSE)]
    if names == ["unknown"] and module.LICENSE.startswith("unknown"):
        return str(module.LICENSE)  # which says more
    more = len(names) - MOST_LICENCES
    return ", ".join(names[:MOST_LICENCES]) + (f" and {more} more" if more > 0 else "")


def _own(index: Index) -> NDArray[np.bool_]:
    """bool[entries]: which records are a user's own, and not of an official release."""
    module = plugins.dataset(index.source.dataset)
    groups = index.facts["group"].combine_chunks()
    if hasattr(module, "KNOWN_GROUPS"):
        known = pc.match_substring_regex(groups, module.KNOWN_GROUPS)
        return ~np.asarray(known.to_numpy(zero_copy_only=False), np.bool_)
    release = module.official(**index.source.options) if hasattr(module, "official") else None
    unknown = release is not None and release.entries is None and not release.downloads
    return np.full(len(index), unknown)
