"""Addresses of object stores, as settings hold them."""

from __future__ import annotations

from urllib.parse import urlsplit


def bare_address(told: str | None) -> str | None:
    """`told`, which is logged and shown: raises ValueError where it holds a password, or is of no kind that we know."""
    parts = urlsplit(told or "")
    if "@" in parts.netloc or parts.query:
        raise ValueError("holds a user, a password or a query; put credentials into the credentials file")
    if told is not None and parts.scheme not in {"s3", "file", "http", "https"}:
        raise ValueError("begins with no s3:// or file:// (url), or https:// (endpoint)")
    return told
