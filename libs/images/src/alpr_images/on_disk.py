"""Pictures in a folder: durable when they have their name."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from uuid import uuid4

import obstore
from obstore.exceptions import AlreadyExistsError

from alpr_images.outcome import Outcome


class OnDisk:
    """Keeps pictures in `folder`, by `store`, which is rooted there."""

    def __init__(self, store: Any, folder: Path) -> None:
        self._store = store
        self._folder = folder

    def keep(self, key: str, data: bytes) -> Outcome:
        """The client does not fsync: so the bytes are made durable under a name of their own before they get theirs.

        Otherwise a loss of power could leave a torn picture that a second try takes for the right one.
        """
        part = f"{key}.{uuid4().hex}.part"
        obstore.put(self._store, part, data, mode="create")
        try:
            _sync(self._folder / part)
            obstore.rename(self._store, part, key, overwrite=False)
        except AlreadyExistsError:
            (self._folder / part).unlink(missing_ok=True)
            return "there"
        except BaseException:
            (self._folder / part).unlink(missing_ok=True)
            raise
        for place in (p for p in (self._folder / key).parents if p == self._folder or self._folder in p.parents):
            _sync(place)
        return "stored"


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
