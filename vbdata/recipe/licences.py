"""Whether a licence lets its data be used commercially: an allow-list, never a guess.

Creative Commons terms are read from the name (NC: not commercially). What is not known to allow it
("unknown", research only, an unknown text) does not. Share-alike and no-derivatives terms are
commercial licences with duties of their own, so a build's roll-up names every licence.
"""

from __future__ import annotations

import re

POLICIES = ("any", "commercial")
COMMONS = re.compile(r"CC-BY(-SA|-ND)?-\d(\.\d+)?")
ALLOWED = frozenset(
    {
        *("CC0-1.0", "PDM-1.0", "PDDL-1.0", "ODC-BY-1.0", "CDLA-PERMISSIVE-2.0"),
        *("MIT", "APACHE-2.0", "BSD-2-CLAUSE", "BSD-3-CLAUSE", "ISC", "UNLICENSE"),
        # two of the eight that Flickr offers
        *("NO KNOWN COPYRIGHT RESTRICTIONS", "UNITED STATES GOVERNMENT WORK"),
    }
)


def forbidden(licence: str) -> bool:
    """Whether the licence, or one of several that are named, is known to forbid commercial use."""
    return "CC-BY-NC" in licence.upper().replace(" ", "-")


def commercial(licence: str) -> bool:
    """Whether the licence is known to allow commercial use; SPDX names, in any case."""
    plain = licence.strip().upper()
    return plain in ALLOWED or COMMONS.fullmatch(plain.replace(" ", "-")) is not None
