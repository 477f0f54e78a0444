"""Keys to a store stay in the environment or in the usual files, and go nowhere else.

The addresses that a build is given are written into its folder, so an address with a key in it is
refused. The text of an error, which a library wrote, is cleared of keys before it is shown.
"""

from __future__ import annotations

import os
import re
from urllib.parse import unquote

from vbdata.errors import SourceError

HIDDEN = "***"
# as the AWS, Google and Azure libraries read them
VARIABLES = ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_ACCESS_KEY_ID")
MORE_VARIABLES = ("AZURE_STORAGE_KEY", "AZURE_STORAGE_ACCOUNT_KEY", "AZURE_STORAGE_SAS_TOKEN")
SHORTEST = 8  # characters; a shorter key ("test") may be an ordinary word of the text
# upload_id: of a resumable upload to Google Cloud Storage; it lets anybody write the object
NAMES_OF_KEYS = (
    r"key|token|secret|password|passwd|pwd|sig|signature|credential|auth|authorization|upload_"
    r"|jwt|bearer|sas"
)
KEY_NAME = re.compile(
    rf"(^|[-_. ]|x-(amz|goog)-)\w*({NAMES_OF_KEYS})([-_. ]?id)?\W*$", re.IGNORECASE
)
# name=value of a query, of a fragment or of the parameters of a path
IN_QUERY = re.compile(r"([?&;#]([^=?&;#'\"\n]+)=)((?:(?![&;#][^=&;#\s'\"]*=)[^&\s'\"<>)])+)")
# what stands before the "@" of an address, also where the colon or a slash was mistyped; a password
# may hold "@" and "/", which a port ("h:80/a@2x.png") is not to be taken for
USER = re.compile(
    r"(\b[a-z][a-z0-9+.-]*:[/\\]{1,2})"
    r"(?:[^/\\\s'\"@]*:(?!\d+/)[^\s'\"]*|[^/\\\s'\"]+)@",
    re.IGNORECASE,
)
ENCODED_USER = re.compile(r"(\b[a-z][a-z0-9+.-]*://)[^/\s'\"@]*%40", re.IGNORECASE)
ADDRESS = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]+:[/\\]|://")
# Keys that are known by their form: of Amazon, Google, Hugging Face and GitHub; JSON Web Tokens.
KEY = re.compile(
    r"\b(AKIA|ASIA)[0-9A-Z]{16}\b|\bya29\.[\w.-]+|\bAIza[\w-]{30,}|\bhf_[A-Za-z0-9]{20,}"
    r"|\b(gh[opsur]|github_pat)_\w{20,}|\beyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]*"
)


def refuse_keys(url: str) -> None:
    """Raise SourceError, without showing the key, if an address has a key to a store in it."""
    if not ADDRESS.search(url):
        return
    if fault := _fault(url):
        raise SourceError(
            f"{redacted(url)}: {fault}; addresses are written into the build. Put keys into "
            "the environment (AWS_ACCESS_KEY_ID ...) or the usual files (~/.aws/credentials)"
        )


def _fault(url: str) -> str:
    plain = unquote(url)
    if any(USER.search(part) for part in (url, plain)):
        return "an address with a user or a key before its '@' is refused"
    named = [pair[2] for pair in IN_QUERY.finditer(plain) if KEY_NAME.search(pair[2])]
    if named:
        return f"an address with {named[0]!r} in its query is refused"
    return "an address with a key in it is refused" if KEY.search(plain) else ""


def redacted(text: str) -> str:
    """A text with *** in place of keys: those of the environment, and what looks like one."""
    for name in (*VARIABLES, *MORE_VARIABLES):
        value = os.environ.get(name, "")
        if len(value) >= SHORTEST:
            text = text.replace(value, HIDDEN)
    text = IN_QUERY.sub(_hidden, USER.sub(rf"\1{HIDDEN}@", ENCODED_USER.sub(rf"\1{HIDDEN}@", text)))
    return KEY.sub(HIDDEN, text)


def _hidden(query: re.Match[str]) -> str:
    """One name=value of a query, without the value if the name is that of a key."""
    return query[1] + (HIDDEN if KEY_NAME.search(unquote(query[2])) else query[3])
