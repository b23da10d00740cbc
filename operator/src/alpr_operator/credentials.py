"""Cameras' passwords: read from named Secrets, kept in memory, handed on sealed to one node's key and never in clear.

The operator may `get` Secrets in sites' namespaces and nothing else, so it reads each named one again every minute, or
as often as twenty reads a second allow: a fleet of ten thousand Secrets is gone through in about eight minutes.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import structlog

from alpr_kubernetes import ApiError, Client, Forbidden, NotFound, Object, kinds
from alpr_operator.status.camera import Credential
from alpr_operator.store import Pair
from alpr_schemas.resources import SealedCredential
from alpr_sealing import SealingError, key_id, seal

log = structlog.get_logger(__name__)
_KEYS: Final = ("username", "password")
_LOOK_S, _READS_AT_ONCE = 1.0, 20


@dataclass(frozen=True, slots=True)
class Secret:
    """What a named Secret was when it was last read; `content` is None where it is of no use, and `told` says why."""

    version: str
    told: Credential
    content: dict[str, str] | None = field(default=None, repr=False)


class Secrets:
    """The Secrets that cameras name.

    Args:
        on_change: is told which one changed.
    """

    def __init__(self, client: Client, every_s: float, on_change: Callable[[Pair], None]) -> None:
        self._client = client
        self._every_s = every_s
        self._on_change = on_change
        self._known: dict[Pair, Secret] = {}
        self._read_at: dict[Pair, float] = {}
        self._wanted: set[Pair] = set()
        self._asked = asyncio.Event()

    def get(self, pair: Pair) -> Secret | None:
        """What is known of it; None where it has not been read yet, which is put in hand."""
        if pair not in self._wanted:
            self._wanted.add(pair)
            self._asked.set()
        return self._known.get(pair)

    async def ensure(self, pairs: set[Pair]) -> None:
        """Read those of `pairs` that nobody has read yet, so that a pass need not be done twice."""
        new = [pair for pair in sorted(pairs) if pair not in self._read_at]
        self._wanted |= pairs
        await asyncio.gather(*(self._read(pair, quietly=True) for pair in new))

    def keep_only(self, named: set[Pair]) -> None:
        """Forget what no camera names any more."""
        self._wanted &= named
        for gone in self._known.keys() - named:
            del self._known[gone]
            self._read_at.pop(gone, None)

    async def run(self) -> None:
        """Read what is wanted, new ones at once, the others every so often."""
        while True:
            self._asked.clear()
            await asyncio.gather(*(self._read(pair) for pair in self._due()))
            try:
                async with asyncio.timeout(min(self._every_s / 4, _LOOK_S)):
                    await self._asked.wait()
            except TimeoutError:
                continue

    def _due(self) -> list[Pair]:
        """The longest unread of those that are due, so many that a large fleet's Secrets do not flood the server."""
        now = time.monotonic()
        due = [pair for pair in self._wanted if now - self._read_at.get(pair, -1e9) > self._every_s]
        return sorted(due, key=lambda pair: self._read_at.get(pair, -1e9))[:_READS_AT_ONCE]

    async def _read(self, pair: Pair, *, quietly: bool = False) -> None:
        try:
            secret = secret_of(await self._client.get(kinds.SECRETS, pair.namespace, pair.name))
        except NotFound:
            secret = Secret("", Credential("False", "SecretMissing", f"there is no Secret {pair.name}; create it"))
        except Forbidden:
            command = f"kubectl alpr site init SITE -n {pair.namespace} --access-only --apply"
            message = f"the operator may not read Secret {pair.name}; run: {command}"
            secret = Secret("", Credential("Unknown", "NoAccess", message))
        except ApiError as e:
            log.warning("secret_not_read", namespace=pair.namespace, secret=pair.name, error=e.reason)
            self._read_at[pair] = time.monotonic()
            return
        self._read_at[pair] = time.monotonic()
        if secret != self._known.get(pair):
            self._known[pair] = secret
            if not quietly:
                self._on_change(pair)


def secret_of(raw: Object) -> Secret:
    """A Secret object with the keys username and password; pure."""
    name, version = raw["metadata"]["name"], raw["metadata"]["resourceVersion"]
    data = raw.get("data") or {}
    missing = [key for key in _KEYS if key not in data]
    if missing:
        message = f"Secret {name} has no key {' and no key '.join(missing)}; it needs username and password"
        return Secret(version, Credential("False", "SecretInvalid", message))
    try:
        content = {key: base64.b64decode(data[key]).decode() for key in _KEYS}
    except (binascii.Error, UnicodeDecodeError):
        return Secret(version, Credential("False", "SecretInvalid", f"Secret {name} holds what is no UTF-8 text"))
    return Secret(version, Credential("True", "Valid", f"from Secret {name}"), content)


def sealed_for(
    secret: Secret | None, sealing_key: str | None, before: SealedCredential | None
) -> SealedCredential | None:
    """The credential sealed to a node's key: the one from before where neither key nor Secret changed.

    A box is different each time it is made, so it is made no more often than needed. Where the Secret cannot be read
    just now, the node keeps what it has.
    """
    if secret is None or sealing_key is None:
        return before
    if secret.content is None:
        return None if secret.told.status == "False" else before
    try:
        wanted = key_id(sealing_key)
        if before is not None and (before.key_id, before.secret_version) == (wanted, secret.version):
            return before
        return SealedCredential(key_id=wanted, secret_version=secret.version, box=seal(sealing_key, secret.content))
    except SealingError as e:
        log.warning("not_sealed", error=str(e))
        return None
