"""The object store: a folder on one machine, S3 in a fleet, one client for both."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import LocalStore, from_url

from alpr_images.errors import Unavailable
from alpr_images.keys import check_key


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
            obstore.put(self._store, check_key(key), data, mode="create")
        except AlreadyExistsError:
            return
        except (BaseError, OSError) as e:
            raise Unavailable(f"image store: {type(e).__name__}; is it reachable, and is there room?") from e
        if self._folder is not None:
            _make_durable(self._folder, self._folder / key)

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


def _make_durable(root: Path, path: Path) -> None:
    """The client does not fsync on disk: the file, and the folders up to the root, which may be new."""
    try:
        for place in (path, *(p for p in path.parents if p == root or root in p.parents)):
            descriptor = os.open(place, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
    except OSError as e:
        raise Unavailable(f"image store: {e.strerror}") from e
