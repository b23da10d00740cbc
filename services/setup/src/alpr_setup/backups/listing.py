"""A folder of backups for people: a row each. Pure but for the manifest that is read."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from alpr_setup.backups.manifest import Manifest, read_manifest
from alpr_setup.backups.names import moment_of
from alpr_setup.errors import SetupError

Row = tuple[str, str, str, str, str, str]


def row_of(backup: Path, now: datetime) -> Row:
    """Name, age, readings, pictures, size and state; sizes of files are compared, digests are not."""
    moment = moment_of(backup.name)
    age = age_text((now - moment).total_seconds()) if moment else ""
    try:
        manifest = read_manifest(backup)
    except SetupError:
        return backup.name, age, "", "", "", "damaged"
    pictures = str(manifest.objects.count) if manifest.objects else "none"
    size = sum(one.size for one in manifest.files.values()) + (manifest.objects.size if manifest.objects else 0)
    state = "whole" if _sizes_fit(backup, manifest) else "damaged"
    return backup.name, age, str(manifest.events), pictures, size_text(size), state


def age_text(seconds: float) -> str:
    """As 3 d, 5 h or 12 min."""
    for unit, length in (("d", 86400), ("h", 3600)):
        if seconds >= length:
            return f"{seconds // length:.0f} {unit}"
    return f"{max(0.0, seconds) // 60:.0f} min"


def size_text(size: float) -> str:
    """As 12.3 MB, by powers of 1000."""
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


def _sizes_fit(backup: Path, manifest: Manifest) -> bool:
    try:
        return all((backup / name).stat().st_size == told.size for name, told in manifest.files.items())
    except OSError:
        return False
