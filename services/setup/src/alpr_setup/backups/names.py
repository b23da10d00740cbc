"""Names of backups, and which of them stay. Pure.

A name is a moment in UTC, as 2026-11-29T02-23-00Z, so that names sort as their times do.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

from alpr_setup.errors import SetupError

PART: Final = ".part"
NEWEST: Final = "newest"
_FORM: Final = "%Y-%m-%dT%H-%M-%SZ"
_NAME: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}-[0-9]{2}-[0-9]{2}Z")


def name_of(moment: datetime) -> str:
    """The name of a backup that begins at `moment`, to the second."""
    return moment.astimezone(UTC).strftime(_FORM)


def moment_of(name: str) -> datetime | None:
    """When the backup `name` began; None for what is no name of a backup."""
    if not _NAME.fullmatch(name):
        return None
    try:
        return datetime.strptime(name, _FORM).replace(tzinfo=UTC)
    except ValueError:
        return None


def names_in(entries: Iterable[str]) -> list[str]:
    """Those of `entries` that name whole backups, oldest first."""
    return sorted(entry for entry in entries if moment_of(entry))


def superseded(names: Iterable[str], keep: int) -> list[str]:
    """Those that go when the newest `keep` stay, oldest first."""
    known = names_in(names)
    return known[: max(0, len(known) - keep)]


def chosen(entries: Iterable[str], wanted: str) -> str:
    """The backup that `wanted` means: a name, or "newest". Raises SetupError where there is none of that name."""
    known = names_in(entries)
    if not known:
        raise SetupError("there is no whole backup in that folder")
    if wanted == NEWEST:
        return known[-1]
    if wanted not in known:
        raise SetupError(f"there is no backup {wanted}; the newest is {known[-1]}")
    return wanted
