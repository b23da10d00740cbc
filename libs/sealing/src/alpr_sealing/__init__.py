"""Camera credentials, sealed to one node's X25519 key: only that node can open them.

A box is libsodium's sealed box (ephemeral X25519, XSalsa20-Poly1305; `crypto_box_seal` in its documentation):
the sender needs no key of its own, and the same text gives another box each time.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json

from nacl.exceptions import CryptoError
from nacl.public import PrivateKey, PublicKey, SealedBox


class SealingError(ValueError):
    """A key or a box that is not what it should be; the message never holds what was sealed."""


def new_private_key() -> bytes:
    """A new X25519 private key, 32 bytes."""
    return bytes(PrivateKey.generate())


def public_key(private_key: bytes) -> str:
    """The public half, base64, as a node publishes it."""
    return base64.b64encode(bytes(PrivateKey(private_key).public_key)).decode()


def key_id(public: str) -> str:
    """A short name of a public key: 16 hex digits."""
    return hashlib.sha256(_decoded(public, "key")).hexdigest()[:16]


def seal(public: str, credentials: dict[str, str]) -> str:
    """`credentials` as a base64 box for the holder of `public`'s other half. Raises SealingError for a broken key."""
    raw = _decoded(public, "key")
    try:
        box = SealedBox(PublicKey(raw))
    except (CryptoError, ValueError, TypeError) as e:
        raise SealingError("the sealing key is no X25519 public key of 32 bytes") from e
    return base64.b64encode(box.encrypt(json.dumps(credentials, sort_keys=True).encode())).decode()


def unseal(private_key: bytes, box: str) -> dict[str, str]:
    """What is in `box`. Raises SealingError where it was sealed to another key or is damaged."""
    try:
        opened = SealedBox(PrivateKey(private_key)).decrypt(_decoded(box, "box"))
        content = json.loads(opened)
    except (CryptoError, ValueError, TypeError):
        raise SealingError("the box was sealed to another key, or is damaged") from None
    return {str(key): str(value) for key, value in content.items()}


def _decoded(text: str, what: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise SealingError(f"the {what} is not base64") from None
