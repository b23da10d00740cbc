# noqa: INP001 - a part of tools/pin-images
"""The digest of an image, by its registry: a HEAD request of OCI's distribution protocol, with the token that it wants.

HTTPS, but for registries on this machine. Passwords are those of `docker login`, where they stand in its config.json.
"""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import os
import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Final

ACCEPTED: Final = (
    "application/vnd.oci.image.index.v1+json, application/vnd.docker.distribution.manifest.list.v2+json, "
    "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json"
)
_HERE: Final = ("127.0.0.1", "localhost")
_HUB: Final = {"docker.io": ("registry-1.docker.io", "https://index.docker.io/v1/")}
_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")


class NotPinned(Exception):
    """The digest of an image cannot be had; says why.

    Attributes:
        reached: whether its registry answered at all.
    """

    def __init__(self, why: str, *, reached: bool) -> None:
        super().__init__(why)
        self.reached = reached


def digest_of(image: str, timeout_s: float = 20) -> str:
    """`sha256:…` of a full name `registry/repository:tag`: of the index where there are several platforms.

    Raises:
        NotPinned: the registry is not in reach, or has no such image, or refuses.
    """
    registry, _, rest = image.partition("/")
    repository, _, tag = rest.rpartition(":")
    host, account = _HUB.get(registry, (registry, registry))
    scheme = "http" if host.partition(":")[0] in _HERE else "https"
    url = f"{scheme}://{host}/v2/{repository}/manifests/{tag}"
    try:
        return _digest(url, f"repository:{repository}:pull", _password(account), timeout_s)
    except urllib.error.HTTPError as error:
        why = {401: "it wants a password: docker login", 403: "it refuses us", 404: "it has no such image"}
        raise NotPinned(f"{host}: {why.get(error.code, f'it answers {error.code}')}", reached=True) from error
    except (OSError, http.client.HTTPException) as error:
        raise NotPinned(f"{host} is not in reach: {getattr(error, 'reason', error)}", reached=False) from error


def _digest(url: str, scope: str, password: str | None, timeout_s: float) -> str:
    headers = {"Accept": ACCEPTED}
    try:
        return _asked(url, headers, timeout_s)
    except urllib.error.HTTPError as error:
        challenge = error.headers.get("WWW-Authenticate", "")
        if error.code != http.HTTPStatus.UNAUTHORIZED or not challenge:
            raise
    return _asked(url, headers | {"Authorization": _answer(challenge, scope, password, timeout_s)}, timeout_s)


def _asked(url: str, headers: Mapping[str, str], timeout_s: float) -> str:
    """HEAD, and GET where that tells no digest: it is the hash of what comes."""
    with _opened(url, headers, timeout_s, "HEAD") as answer:
        told = answer.headers.get("Docker-Content-Digest", "")
    if not _DIGEST.fullmatch(told):
        with _opened(url, headers, timeout_s, "GET") as answer:
            told = f"sha256:{hashlib.sha256(answer.read()).hexdigest()}"
    return str(told)


def _opened(url: str, headers: Mapping[str, str], timeout_s: float, method: str) -> http.client.HTTPResponse:
    request = urllib.request.Request(url, method=method)  # noqa: S310 - http and https alone come here
    for name, value in headers.items():
        # A password or token is for who asked for it, not for where that one sends us.
        add = request.add_unredirected_header if name == "Authorization" else request.add_header
        add(name, value)
    answer: http.client.HTTPResponse = urllib.request.urlopen(request, timeout=timeout_s)  # noqa: S310 - as above
    return answer


def _answer(challenge: str, scope: str, password: str | None, timeout_s: float) -> str:
    """What the registry wants to see: a token from where it says, or the password itself."""
    kind, _, rest = challenge.partition(" ")
    if kind.lower() == "basic" and password:
        return f"Basic {password}"
    told = dict(re.findall(r'(\w+)="([^"]*)"', rest))
    realm = urllib.parse.urlsplit(told.get("realm", ""))
    if kind.lower() != "bearer" or not (realm.scheme == "https" or realm.hostname in _HERE):
        raise NotPinned(f"it wants {kind} and says no way to it that is safe", reached=True)
    asked = urllib.parse.urlencode({"service": told.get("service", ""), "scope": told.get("scope", scope)})
    headers = {"Authorization": f"Basic {password}"} if password else {}
    with _opened(f"{realm.geturl()}?{asked}", headers, timeout_s, "GET") as answer:
        given = json.loads(answer.read())
    return f"Bearer {given.get('token') or given.get('access_token', '')}"


def _password(account: str) -> str | None:
    """User and password of `docker login`, in the form that Basic wants; none where a helper program keeps them."""
    folder = Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker")
    try:
        told = json.loads((folder / "config.json").read_text())["auths"][account]["auth"]
        base64.b64decode(told, validate=True)
    except (OSError, KeyError, ValueError, TypeError):
        return None
    return str(told)
