"""The object store: a folder on one machine, S3 in a fleet, one client for both."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import obstore
from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError
from obstore.store import LocalStore, S3Store, from_url

from alpr_images.credentials import FileCredentials
from alpr_images.errors import CredentialsUnusable, Unavailable
from alpr_images.in_bucket import InBucket
from alpr_images.keys import check_key, check_prefix, is_key
from alpr_images.on_disk import OnDisk
from alpr_images.outcome import Outcome

_REGION: Final = "us-east-1"
_CONNECT_WITHIN: Final = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class BucketAccess:
    """How a store is reached, as `open_bucket` has it; all left out, AWS's own variables and services say."""

    endpoint: str | None = None
    region: str = _REGION
    credentials_file: Path | None = None

    def open(self, bucket: str, *, prefix: str = "", answer_within_s: float = 30.0) -> S3Store:
        """A client of `bucket`, of which one request may take so long; nothing is tried twice."""
        options: dict[str, Any] = {"region": self.region, "retry_config": {"max_retries": 0}}
        options["client_options"] = {
            "allow_http": (self.endpoint or "").startswith("http://"),
            "connect_timeout": _CONNECT_WITHIN,
            "timeout": timedelta(seconds=answer_within_s),
        }
        if self.endpoint is not None:
            options["endpoint"] = self.endpoint
        if self.credentials_file is not None:
            options["credential_provider"] = FileCredentials(self.credentials_file)
        return S3Store(bucket, prefix=prefix or None, **options)


def open_image_store(url: str, **options: Any) -> ImageStore:
    """The store at `url`: file:///folder (made where it is missing) or s3://bucket/prefix with obstore's `options`."""
    parts = urlsplit(url)
    if parts.scheme == "file":
        folder = Path(unquote(parts.path))
        folder.mkdir(parents=True, exist_ok=True)
        local = LocalStore(folder)
        return ImageStore(local, OnDisk(local, folder))
    remote = from_url(url, **options)
    return ImageStore(remote, InBucket(remote))


def open_bucket(
    url: str,
    *,
    endpoint: str | None = None,
    region: str = _REGION,
    credentials_file: Path | None = None,
    answer_within_s: float = 30.0,
) -> ImageStore:
    """The bucket at `url`, s3://bucket or s3://bucket/prefix, for one who puts many and waits out outages himself.

    Args:
        url: names no user and no password.
        endpoint: of a store that is not Amazon's.
        region: which Amazon's bucket is in; of no matter elsewhere.
        credentials_file: see `alpr_images.credentials`; left out, what AWS's own variables and services say.
        answer_within_s: what one request may take; nothing is tried twice.
    """
    parts = urlsplit(url)
    access = BucketAccess(endpoint, region, credentials_file)
    store = access.open(parts.netloc, prefix=parts.path.strip("/"), answer_within_s=answer_within_s)
    return ImageStore(store, InBucket(store))


class ImageStore:
    """Keeps pictures by key; all calls block. Keys that are none of ours raise BadKey."""

    def __init__(self, store: Any, keeper: OnDisk | InBucket) -> None:
        self._store = store
        self._keeper = keeper

    @property
    def heeds_conditions(self) -> bool | None:
        """Whether the store itself refuses a second picture of one key; None while nobody knows."""
        return self._keeper.conditional if isinstance(self._keeper, InBucket) else True

    def put_if_absent(self, key: str, data: bytes) -> Outcome:
        """Returns when a whole picture is kept durably under `key`: `data`, or the one before. Raises Unavailable."""
        try:
            return self._keeper.keep(check_key(key), data)
        except (BaseError, OSError, CredentialsUnusable) as e:
            raise _unavailable(e) from e

    def get(self, key: str) -> bytes | None:
        """The picture, or None. Raises Unavailable."""
        try:
            return bytes(obstore.get(self._store, check_key(key)).bytes())
        except FileNotFoundError:
            return None
        except (BaseError, OSError) as e:
            raise _unavailable(e) from e

    def exists(self, key: str) -> bool:
        """Whether there is a picture under `key`. Raises Unavailable."""
        try:
            obstore.head(self._store, check_key(key))
        except FileNotFoundError:
            return False
        except (BaseError, OSError) as e:
            raise _unavailable(e) from e
        return True

    def keys(self, prefix: str) -> Iterator[str]:
        """All keys of pictures below `prefix`, as `site/2026/11/23/`; asked for as wanted. Raises Unavailable."""
        try:
            for found in obstore.list(self._store, check_prefix(prefix), chunk_size=1000):
                yield from (str(thing["path"]) for thing in found if is_key(str(thing["path"])))
        except (BaseError, OSError) as e:
            raise _unavailable(e) from e


def _unavailable(error: Exception) -> Unavailable:
    """What the client says holds addresses and more: only its kind goes on."""
    if isinstance(error, CredentialsUnusable):
        return Unavailable(f"image store: {error}")
    if isinstance(error, (PermissionDeniedError, UnauthenticatedError)):
        return Unavailable(
            "image store: it refuses us; check the credentials, and their right to get and put the site's"
        )
    return Unavailable(f"image store: {type(error).__name__}; is it reachable, and is there room?")
