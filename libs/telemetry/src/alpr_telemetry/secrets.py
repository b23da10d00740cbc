"""No user and no password leaves through a log or an error: what stands before the host of a URL is cut out."""

from __future__ import annotations

import re

_USERINFO = re.compile(r"(?P<scheme>\b[a-zA-Z][a-zA-Z0-9+.-]*://)[^\s\"'<>]*@")


def scrub(text: str) -> str:
    """`text` with `scheme://user:password@host` made `scheme://***@host`; passwords may hold `:`, `/` and `@`.

    An `@` further on in the address cuts too much rather than too little.
    """
    return _USERINFO.sub(r"\g<scheme>***@", text)
