"""The pictures' bucket as files: FOLDER/objects/, each object once, named by the digest of its key; and back again.

A backup names those that belong to it in objects.tsv: key, size, ETag and SHA-256. A file that no backup names any more
goes with the last that did, so that pictures which retention has deleted do not stay here for ever.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote, unquote

import urllib3
from minio import Minio
from minio.error import MinioException, S3Error

from alpr_setup.backups.folder import INDEX, OBJECTS, backups_in, make_folder
from alpr_setup.errors import SetupError

_CHUNK: Final = 1 << 20
_GONE: Final = {"NoSuchKey", "NoSuchObject"}


@dataclass(frozen=True, slots=True)
class Entry:
    """An object as a backup has it; `etag` as the server said it, `sha256` of its bytes."""

    size: int
    etag: str
    sha256: str


Index = Mapping[str, Entry]


def file_of(folder: Path, key: str) -> Path:
    """The file of an object: a key may hold what is no name of a file."""
    digest = hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
    return folder / OBJECTS / digest[:2] / digest


def index_text(index: Index) -> str:
    """objects.tsv: a line an object, its key percent-encoded, by key."""
    lines = (f"{quote(key)}\t{one.size}\t{one.etag}\t{one.sha256}\n" for key, one in sorted(index.items()))
    return "".join(lines)


def parse_index(text: str) -> dict[str, Entry]:
    """What `index_text` wrote. Raises SetupError for a line that is none."""
    found = {}
    for line in text.splitlines():
        match line.split("\t"):
            case [key, size, etag, sha256] if size.isdecimal():
                found[unquote(key)] = Entry(int(size), etag, sha256)
            case _:
                raise SetupError(f"{INDEX}: a line is damaged: {line[:80]!r}")
    return found


def read_index(backup: Path) -> dict[str, Entry]:
    """The objects of a backup; none where it has no pictures."""
    try:
        return parse_index((backup / INDEX).read_text())
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as e:
        raise SetupError(f"{backup.name}/{INDEX} cannot be read") from e


def known_objects(folder: Path) -> dict[str, Entry]:
    """The objects of all backups, as the newest that names one says it; what a damaged index named is read again."""
    found: dict[str, Entry] = {}
    for name in backups_in(folder):
        with suppress(SetupError):
            found |= read_index(folder / name)
    return found


@contextmanager
def store_said(bucket: str) -> Iterator[None]:
    """What the store refuses ends as a sentence without a credential in it."""
    try:
        yield
    except S3Error as e:
        raise SetupError(f"bucket {bucket}: {e.code}") from e
    except (MinioException, urllib3.exceptions.HTTPError, ValueError) as e:
        raise SetupError(f"bucket {bucket}: no answer ({type(e).__name__})") from e


class Mirror:
    """The pictures of one bucket in a folder of backups.

    Args:
        client: as somebody who lists and reads.
        writer: as somebody who writes; None for one who may do all.
    """

    def __init__(self, client: Minio, bucket: str, folder: Path, writer: Minio | None = None) -> None:
        self._client = client
        self._writer = writer or client
        self._bucket = bucket
        self._folder = folder

    def fetch(self, known: Index) -> dict[str, Entry]:
        """Have a file of each object that is there now; what `known` has under the same ETag is not read again."""
        found = {}
        with store_said(self._bucket):
            for one in self._client.list_objects(self._bucket, recursive=True):
                key, size, etag = str(one.object_name), int(one.size or 0), str(one.etag or "").strip('"')
                before = known.get(key)
                if before and (before.size, before.etag) == (size, etag) and _has(self._folder, key, size):
                    found[key] = before
                elif (taken := self._take(key, size, etag)) is not None:
                    found[key] = taken
        return found

    def put_back(self, index: Index) -> tuple[int, int]:
        """Put the objects that the bucket lacks: how many went, how many were there. A damaged file is a SetupError."""
        with store_said(self._bucket):
            there = {str(one.object_name) for one in self._client.list_objects(self._bucket, recursive=True)}
        missing = [key for key in index if key not in there]
        for key in missing:
            path = file_of(self._folder, key)
            if damage := damage_of(self._folder, key, index[key]):
                raise SetupError(damage)
            with store_said(self._bucket):
                self._writer.fput_object(self._bucket, key, str(path))
        return len(missing), len(index) - len(missing)

    def _take(self, key: str, size: int, etag: str) -> Entry | None:
        """Bring one object; None where it went since it was listed."""
        path = file_of(self._folder, key)
        new = path.with_name(f".{path.name}.new")
        make_folder(path.parent)
        try:
            taken = self._download(key, new)
            if taken is None:
                return None
            length, md5, sha256 = taken
            # Only an ETag of 32 hexadecimal digits is the MD5 of the bytes: parts and some encryption make others.
            if length != size or (len(etag) == 32 and "-" not in etag and md5 != etag):
                raise SetupError(f"bucket {self._bucket}: an object changed while it was read; the next backup has it")
            new.rename(path)
        finally:
            new.unlink(missing_ok=True)
        return Entry(length, etag, sha256)

    def _download(self, key: str, path: Path) -> tuple[int, str, str] | None:
        """Bytes, MD5 and SHA-256 of what now lies at `path`, on the disk."""
        try:
            answer = self._client.get_object(self._bucket, key)
        except S3Error as e:
            if e.code in _GONE:
                return None
            raise
        md5, sha256, length = hashlib.md5(usedforsecurity=False), hashlib.sha256(), 0
        try:
            with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:  # noqa: PTH123
                for piece in answer.stream(_CHUNK):
                    file.write(piece)
                    md5.update(piece)
                    sha256.update(piece)
                    length += len(piece)
                file.flush()
                os.fsync(file.fileno())
        finally:
            answer.close()
            answer.release_conn()
        return length, md5.hexdigest(), sha256.hexdigest()


def damage_of(folder: Path, key: str, told: Entry) -> str:
    """What is wrong with the file of an object; "" for nothing."""
    path = file_of(folder, key)
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as e:
        return f"{OBJECTS}/{path.name[:12]}…: cannot be read ({e.strerror})"
    return "" if found == told.sha256 else f"{OBJECTS}/{path.name[:12]}…: sha256 {found[:12]}…, was {told.sha256[:12]}…"


def sweep(folder: Path, wanted: Iterable[str]) -> int:
    """Remove files of objects whose keys are not `wanted`; how many went."""
    keep = {file_of(folder, key) for key in wanted}
    gone = [path for path in (folder / OBJECTS).glob("??/*") if path not in keep]
    for path in gone:
        path.unlink()
    return len(gone)


def _has(folder: Path, key: str, size: int) -> bool:
    try:
        return file_of(folder, key).stat().st_size == size
    except OSError:
        return False
