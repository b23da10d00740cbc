"""Pictures in an object store that speaks S3: put where there is none, and whole.

`If-None-Match: *` lets the store itself decide (Amazon's S3 since August 2024, MinIO, Ceph since 20): 412 says that a
picture is there. Some stores refuse the condition, and some take it and overwrite all the same: so the first picture
is put twice, and a store that takes it twice is asked by HEAD from then on. Two writers can then overwrite each other,
with the same picture: a key has the event's id in it.
"""

from __future__ import annotations

import hashlib
import re
from typing import Any, Final

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, NotSupportedError

from alpr_images.errors import Unavailable
from alpr_images.outcome import Outcome

_MD5: Final = re.compile(r'"?([0-9a-f]{32})"?')
_END_OF_JPEG: Final = b"\xff\xd9"


class InBucket:
    """Keeps pictures in a bucket; raises obstore's errors, or Unavailable.

    Attributes:
        conditional: whether the store heeds `If-None-Match`; None until the first picture was put.
    """

    def __init__(self, store: Any) -> None:
        self._store = store
        self.conditional: bool | None = None

    def keep(self, key: str, data: bytes) -> Outcome:
        """Returns when the store has a whole picture under `key`."""
        if self.conditional is True:
            return self._create(key, data)
        if self._size(key) is not None:
            return self._looked_at(key, data)
        if self.conditional is None:
            return self._first(key, data)
        return self._put(key, data)

    def _first(self, key: str, data: bytes) -> Outcome:
        """Put it, and once more: what the store says to that tells whether it heeds the condition."""
        try:
            outcome = self._create(key, data)
            again = self._create(key, data)
        except (NotSupportedError, BaseError) as e:
            if not _refuses_condition(e):
                raise
            self.conditional = False
            return self._put(key, data)
        self.conditional = again != "stored"
        return outcome

    def _create(self, key: str, data: bytes) -> Outcome:
        try:
            answer = obstore.put(self._store, key, data, mode="create", use_multipart=False)
        except AlreadyExistsError:
            return self._looked_at(key, data)
        self._check(key, data, answer)
        return "stored"

    def _put(self, key: str, data: bytes) -> Outcome:
        self._check(key, data, obstore.put(self._store, key, data, mode="overwrite", use_multipart=False))
        return "stored"

    def _check(self, key: str, data: bytes, answer: Any) -> None:
        """An entity tag is the digest of what arrived, unless the store encrypts: then the size must do."""
        tag = _MD5.fullmatch(str(answer.get("e_tag") or ""))
        if tag and tag[1] == hashlib.md5(data, usedforsecurity=False).hexdigest():
            return
        if self._size(key) == len(data):
            return
        # What was put a moment ago is not what lies there: it is ours, and may be put again.
        obstore.put(self._store, key, data, mode="overwrite", use_multipart=False)
        if self._size(key) != len(data):
            raise Unavailable("image store: it keeps less of a picture than it was sent; is a proxy in between?")

    def _looked_at(self, key: str, data: bytes) -> Outcome:
        size = self._size(key)
        if size is None:  # 409: another writer was at it, and did not finish
            raise Unavailable("image store: two writers at one picture; it will be tried again")
        if size == len(data) or self._is_whole(key):
            return "there"
        self._put(key, data)
        return "mended"

    def _is_whole(self, key: str) -> bool:
        """Another picture of the same event may be whole too, and then it stays: the first one is the evidence."""
        return bytes(obstore.get(self._store, key).bytes()).endswith(_END_OF_JPEG)

    def _size(self, key: str) -> int | None:
        try:
            return int(obstore.head(self._store, key)["size"])
        except FileNotFoundError:
            return None


def _refuses_condition(error: Exception) -> bool:
    return isinstance(error, NotSupportedError) or "NotImplemented" in str(error) or "501" in str(error)
