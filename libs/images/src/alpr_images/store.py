"""The object store: a folder on one machine, S3 in a fleet, one client for both."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit
from uuid import uuid4

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import LocalStore, from_url

from alpr_images.errors import Unavailable
from alpr_images.keys import check_key, check_prefix, is_key


def open_image_store(url: str, **options: Any) -> ImageStore:
    """The store at `url`: file:///folder (made where it is missing) or s3://bucket/prefix with obstore's `options`."""
    parts = urlsplit(url)
    if parts.scheme == "file":
        folder = Path(unquote(parts.path))
        folder.mkdir(parents=True, exist_ok=True)
        return ImageStore(LocalStore(folder), folder)
    return ImageStore(from_url(url, **options), None)


class ImageStore:
    """Keeps pictures by key; all calls block. Keys that are none of ours raise BadKey."""

    def __init__(self, store: Any, folder: Path | None) -> None:
        self._store = store
        self._folder = folder

    def put_if_absent(self, key: str, data: bytes) -> None:
        """Returns when `data` is kept durably under `key`, or a picture was there before. Raises Unavailable."""
        try:
            if self._folder is None:
                obstore.put(self._store, check_key(key), data, mode="create")
            else:
                self._put_on_disk(self._folder, check_key(key), data)
        except AlreadyExistsError:
            return
        except (BaseError, OSError) as e:
            raise Unavailable(f"image store: {type(e).__name__}; is it reachable, and is there room?") from e

    def _put_on_disk(self, folder: Path, key: str, data: bytes) -> None:
        """The client does not fsync: so the bytes are made durable under a name of their own before they get theirs.

        Otherwise a loss of power could leave a torn picture that a second try takes for the right one.
        """
        part = f"{key}.{uuid4().hex}.part"
        obstore.put(self._store, part, data, mode="create")
        try:
            _sync(folder / part)
            obstore.rename(self._store, part, key, overwrite=False)
        except BaseException:
            (folder / part).unlink(missing_ok=True)
            raise
        for place in (p for p in (folder / key).parents if p == folder or folder in p.parents):
            _sync(place)

    def get(self, key: str) -> bytes | None:
        """The picture, or None. Raises Unavailable."""
        try:
            return bytes(obstore.get(self._store, check_key(key)).bytes())
        except FileNotFoundError:
            return None
        except (BaseError, OSError) as e:
            raise Unavailable(f"image store: {type(e).__name__}") from e

    def exists(self, key: str) -> bool:
        """Whether there is a picture under `key`. Raises Unavailable."""
        try:
            obstore.head(self._store, check_key(key))
        except FileNotFoundError:
            return False
        except (BaseError, OSError) as e:
            raise Unavailable(f"image store: {type(e).__name__}") from e
        return True

    def keys(self, prefix: str) -> Iterator[str]:
        """All keys of pictures below `prefix`, as `site/2026/11/23/`; asked for as wanted. Raises Unavailable."""
        try:
            for found in obstore.list(self._store, check_prefix(prefix), chunk_size=1000):
                yield from (str(thing["path"]) for thing in found if is_key(str(thing["path"])))
        except (BaseError, OSError) as e:
            raise Unavailable(f"image store: {type(e).__name__}") from e


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
