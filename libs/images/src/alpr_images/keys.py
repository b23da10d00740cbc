"""Names of pictures in the store: `site/yyyy/mm/dd/event-id/kind.jpg`, known before the picture is sent."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Literal
from uuid import UUID

from alpr_images.errors import BadKey

Kind = Literal["plate", "frame"]
_SITE = re.compile(r"[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?")
_KEY = re.compile(rf"{_SITE.pattern}/\d{{4}}/\d{{2}}/\d{{2}}/[0-9a-f-]{{36}}/(plate|frame)\.jpg")


def image_key(site: str, captured_at: datetime, event_id: str, kind: Kind) -> str:
    """The key of an event's picture; the day is UTC. Raises BadKey for a site that is no resource name."""
    if not _SITE.fullmatch(site) or ".." in site:
        raise BadKey(f"site {site!r}: use a-z, 0-9, '-' and '.'")
    day = captured_at.astimezone(UTC).strftime("%Y/%m/%d")
    return f"{site}/{day}/{UUID(event_id)}/{kind}.jpg"


_PREFIX = re.compile(rf"{_SITE.pattern}/(\d{{4}}/(\d{{2}}/(\d{{2}}/)?)?)?")


def is_key(text: str) -> bool:
    """Whether `text` can be the key of a picture of ours."""
    return bool(_KEY.fullmatch(text)) and ".." not in text


def check_prefix(prefix: str) -> str:
    """`prefix`, if it begins keys: a site, then a year, a month, a day, each with its slash. Raises BadKey."""
    if not _PREFIX.fullmatch(prefix) or ".." in prefix:
        raise BadKey("no beginning of a picture's key")
    return prefix


def check_key(key: str) -> str:
    """`key`, if it can be one of ours. Raises BadKey."""
    if not is_key(key):
        raise BadKey("no key of a picture")
    return key
