"""A model's file, brought to this node: from https, s3 or a local path, checked while it comes, whole or not at all.

A transfer that breaks off is taken up where it ended. What has arrived is named by its digest; nothing else can stand
under that name.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import structlog

from alpr_edge_agent.durable import sync_folder
from alpr_edge_agent.errors import DigestMismatch, FetchFailed

if TYPE_CHECKING:
    from alpr_images.store import BucketAccess

CHUNK_BYTES = 1 << 20
TIMEOUT_S = 30.0
ANSWER_WITHIN_S = 600.0  # one request brings a whole model, over a slow line too
_S3_HINT = "are ALPR_AGENT_IMAGES_ENDPOINT and its credentials (or AWS_ENDPOINT_URL and AWS's keys) right?"
_SUFFIXES = {".onnx", ".engine", ".plan"}
log = structlog.get_logger(__name__)
Chunks = Iterator[bytes]


def file_name(digest: str, url: str) -> str:
    """What a model's file is called in the models' folder: its digest, and the kind of file that the address names."""
    suffix = Path(unquote(urlsplit(url).path)).suffix.lower()
    return digest.replace(":", "-") + (suffix if suffix in _SUFFIXES else ".onnx")


def fetch(
    url: str,
    digest: str,
    target: Path,
    *,
    max_bytes: int,
    ended: Callable[[], bool] = lambda: False,
    access: BucketAccess | None = None,
) -> None:
    """Bring what is at `url` to `target`, durably. Blocks; `ended` is asked between pieces and breaks it off.

    `access` says how buckets are reached; left out, AWS's own variables do.

    Raises:
        FetchFailed: it cannot be had now; what has come stays for the next try.
        DigestMismatch: the whole of it is something else; nothing stays.
    """
    part = target.with_name(f".{target.name}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        resumed = part.exists()
        found = _received(url, part, max_bytes, ended, access)
        if found != digest:
            part.unlink()
            if resumed:  # the piece that lay here may have been of another file
                raise FetchFailed(f"{_shown(url)}: the pieces did not fit together; it is fetched again from its start")
            raise DigestMismatch(f"{_shown(url)} has the digest {found}, not {digest}; correct url or digest")
        part.replace(target)
        sync_folder(target.parent)
    except (OSError, http.client.HTTPException) as e:
        raise FetchFailed(f"{_shown(url)}: {getattr(e, 'strerror', None) or type(e).__name__}") from e


def _received(url: str, part: Path, max_bytes: int, ended: Callable[[], bool], access: BucketAccess | None) -> str:
    hashed = hashlib.sha256()
    with part.open("a+b") as out:
        out.seek(0)
        while piece := out.read(CHUNK_BYTES):
            hashed.update(piece)
        size = out.tell()
        with _opened(url, size, access) as (begins_at, chunks):
            if begins_at != size:  # the server gave it from its beginning
                out.truncate(begins_at)
                size, hashed = begins_at, hashlib.sha256()
            for piece in chunks:
                size += len(piece)
                if size > max_bytes:
                    part.unlink()
                    raise FetchFailed(f"{_shown(url)} is larger than {max_bytes} bytes; raise ALPR_AGENT_MODEL_BYTES")
                out.write(piece)
                hashed.update(piece)
                if ended():
                    raise FetchFailed("broken off, because the agent ends")
        out.flush()
        os.fsync(out.fileno())
    return f"sha256:{hashed.hexdigest()}"


@contextmanager
def _opened(url: str, offset: int, access: BucketAccess | None) -> Iterator[tuple[int, Chunks]]:
    """Where the bytes begin that come (`offset` or 0), and the bytes."""
    parts = urlsplit(url)
    match parts.scheme:
        case "https":
            with _https(url, offset) as found:
                yield found
        case "s3":
            yield _s3(url, offset, access)
        case "file":
            with Path(unquote(parts.path)).open("rb") as file:
                file.seek(offset)
                yield offset, iter(lambda: file.read(CHUNK_BYTES), b"")
        case _:
            raise FetchFailed(f"{_shown(url)}: models come from https://, s3:// or file://; correct url")


@contextmanager
def _https(url: str, offset: int) -> Iterator[tuple[int, Chunks]]:
    if "@" in urlsplit(url).netloc:
        raise FetchFailed("url: no user or password here; give a signed link, or s3:// with keys in the environment")
    request = urllib.request.Request(url, headers={"Range": f"bytes={offset}-"} if offset else {})  # noqa: S310 - https
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S, context=_context()) as answer:  # noqa: S310 - https
            _refuse_plain(answer.url)
            yield (offset if answer.status == 206 else 0), _complete(answer)
    except urllib.error.HTTPError as e:
        with e:
            if e.code != 416:
                raise FetchFailed(f"{_shown(url)}: the server answered {e.code} {e.reason}") from None
        yield offset, iter(())  # nothing is left to come: the whole lies here already
    except urllib.error.URLError as e:
        raise FetchFailed(f"{_shown(url)}: {e.reason}") from e


def _context() -> ssl.SSLContext:
    return ssl.create_default_context()


def _refuse_plain(url: str) -> None:
    if urlsplit(url).scheme != "https":
        raise FetchFailed("url: it redirects to an address without TLS; give one that does not")


def _complete(answer: Any) -> Chunks:
    """The answer's bytes. Raises FetchFailed where they end before their announced length."""
    left = answer.length
    while piece := answer.read(CHUNK_BYTES):
        left = None if left is None else left - len(piece)
        yield piece
    if left:
        raise FetchFailed(f"the connection ended {left} bytes too soon; the rest is fetched at the next try")


def _s3(url: str, offset: int, access: BucketAccess | None) -> tuple[int, Chunks]:
    import obstore
    from obstore.exceptions import BaseError
    from obstore.store import from_url

    bucket, _, key = url.removeprefix("s3://").partition("/")
    try:
        store = access.open(bucket, answer_within_s=ANSWER_WITHIN_S) if access else from_url(f"s3://{bucket}")
        size = obstore.head(store, key)["size"]
        if offset >= size:
            return offset, iter(())
        found = obstore.get(store, key, options={"range": {"offset": offset}})
    except FileNotFoundError:
        raise FetchFailed(f"{_shown(url)}: there is no such object in the bucket; correct url") from None
    except (BaseError, OSError) as e:
        raise FetchFailed(f"{_shown(url)}: {type(e).__name__}; {_S3_HINT}") from e
    return offset, _s3_pieces(url, found)


def _s3_pieces(url: str, found: Any) -> Chunks:
    from obstore.exceptions import BaseError

    try:
        for piece in found.stream(min_chunk_size=CHUNK_BYTES):
            yield bytes(piece)
    except (BaseError, OSError) as e:
        raise FetchFailed(f"{_shown(url)}: {type(e).__name__} while it came") from e


def _shown(url: str) -> str:
    """`url` without what may be secret in it: users, and queries, which hold the signatures of signed links."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
