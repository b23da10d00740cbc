"""manifest.json: what a backup holds, with the digest of each of its files. It is written last: it proves the rest."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, NonNegativeInt, ValidationError

from alpr_setup.backups.names import moment_of
from alpr_setup.errors import SetupError

MANIFEST: Final = "manifest.json"
EVENTS: Final = "plate_events"
_CHUNK: Final = 1 << 20


class _Closed(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class FileDigest(_Closed):
    """One file of a backup."""

    sha256: str
    size: NonNegativeInt


class ObjectCount(_Closed):
    """Pictures that belong to a backup; they lie once for all backups in `objects/`."""

    count: NonNegativeInt
    size: NonNegativeInt


class DatabaseFacts(_Closed):
    """What was in the database, counted in the snapshot that was dumped.

    Attributes:
        version: of the server.
        extensions: name to version.
        tables: name to number of rows.
    """

    version: str = ""
    extensions: dict[str, str] = {}
    tables: dict[str, NonNegativeInt] = {}


class Manifest(_Closed):
    """A whole backup.

    Attributes:
        namespace: of the release; objects of the cluster were read there and in the sites' namespaces.
        registry: which export of schemas it has ("apicurio-v3"), or "" with the reason in `left_out`.
        left_out: what is not in it, in words.
    """

    name: str
    version: str
    namespace: str
    files: dict[str, FileDigest]
    database: DatabaseFacts
    objects: ObjectCount | None
    registry: str
    left_out: list[str]

    @property
    def events(self) -> int:
        """Readings in it."""
        return self.database.tables.get(EVENTS, 0)


def parse_facts(text: str) -> DatabaseFacts:
    """What the dump's script noted: lines `version V`, `extension NAME V`, `table NAME ROWS`, with tabs between."""
    version, extensions, tables = "", {}, {}
    for line in text.splitlines():
        match line.split("\t"):
            case ["version", told]:
                version = told
            case ["extension", name, told]:
                extensions[name] = told
            case ["table", name, rows] if rows.isdecimal():
                tables[name] = int(rows)
            case _:
                raise SetupError(f"the dump's notes have a line that says nothing: {line[:80]!r}")
    if not version:
        raise SetupError("the dump's notes are not whole: they name no version of the server")
    return DatabaseFacts(version=version, extensions=extensions, tables=tables)


def digest_of(path: Path) -> FileDigest:
    """Digest and size of a file, read in pieces."""
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while piece := file.read(_CHUNK):
            digest.update(piece)
            size += len(piece)
    return FileDigest(sha256=digest.hexdigest(), size=size)


def digests_of(folder: Path) -> dict[str, FileDigest]:
    """All files below `folder` but the manifest itself, by their paths in it."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != MANIFEST)
    return {path.relative_to(folder).as_posix(): digest_of(path) for path in paths}


def read_manifest(folder: Path) -> Manifest:
    """The manifest of the backup in `folder`. Raises SetupError where there is none, or none of this backup."""
    try:
        found = Manifest.model_validate_json((folder / MANIFEST).read_bytes())
    except OSError as e:
        raise SetupError(f"{folder.name}: {MANIFEST} cannot be read ({e.strerror})") from e
    except ValidationError as e:
        raise SetupError(f"{folder.name}: {MANIFEST} is damaged") from e
    if found.name != folder.name or moment_of(found.name) is None:
        raise SetupError(f"{folder.name}: {MANIFEST} is that of another backup, {found.name}")
    return found


def damages(folder: Path, manifest: Manifest) -> Iterator[str]:
    """What is wrong with the files of a backup; nothing for a whole one."""
    for name, told in sorted(manifest.files.items()):
        path = folder / name
        if not path.resolve().is_relative_to(folder.resolve()):
            yield f"{name}: lies outside of the backup"
            continue
        try:
            found = digest_of(path)
        except OSError as e:
            yield f"{name}: cannot be read ({e.strerror})"
            continue
        if found != told:
            yield f"{name}: {found.size} bytes, sha256 {found.sha256[:12]}…; was {told.size}, {told.sha256[:12]}…"
