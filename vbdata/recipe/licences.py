"""Whether a licence allows commercial use: by an allow-list, never by a guess.

Creative Commons terms are read from the name (NC: no commercial use). A licence that is not known
to allow it ("unknown", research only, an unfamiliar text) counts as one that does not. Share-alike
and no-derivatives licences allow commercial use under duties of their own, so a manifest names
every licence of its samples.
"""

from __future__ import annotations

import re

POLICIES = ("any", "commercial")
COMMONS = re.compile(r"CC-BY(-SA|-ND)?-\d(\.\d+)?")
ALLOWED = frozenset(
    {
        *("CC0-1.0", "PDM-1.0", "PDDL-1.0", "ODC-BY-1.0", "CDLA-PERMISSIVE-2.0"),
        *("MIT", "APACHE-2.0", "BSD-2-CLAUSE", "BSD-3-CLAUSE", "ISC", "UNLICENSE"),
        # two of the eight terms that Flickr offers
        *("NO KNOWN COPYRIGHT RESTRICTIONS", "UNITED STATES GOVERNMENT WORK"),
    }
)


def forbidden(licence: str) -> bool:
    """Whether a licence, or one of several in the text, is known to forbid commercial use."""
    return "CC-BY-NC" in licence.upper().replace(" ", "-")


def commercial(licence: str) -> bool:
    """Whether a licence is known to allow commercial use. Names are those of SPDX, in any case."""
    plain = licence.strip().upper()
    return plain in ALLOWED or COMMONS.fullmatch(plain.replace(" ", "-")) is not None
