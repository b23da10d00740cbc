"""Users and passwords of the cameras: out of sealed boxes, or out of Secrets; and the one file that the pipeline reads.

A password is in no log, no error and no assignment; it stands in `credentials.json` (mode 0600) and goes to no address
but the one that it was assigned with.
"""

from __future__ import annotations

import base64
import binascii
import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import structlog

from alpr_edge_agent.agent.node_key import NodeKey
from alpr_edge_agent.assignment import read_assignment
from alpr_edge_agent.durable import write_durably
from alpr_edge_agent.errors import AssignmentUnreadable
from alpr_edge_agent.folder import EdgeFolder
from alpr_edge_agent.pipeline.orders import read_logins
from alpr_edge_agent.sources import Login
from alpr_schemas.resources import AssignedCamera, EdgeAssignment
from alpr_sealing import SealingError, unseal

log = structlog.get_logger(__name__)
_NOT_READ = "its user and password have not come yet; the operator seals them to this node, or lets it read the Secret"


class CredentialProblem(Exception):
    """Why a camera has no user and password, in words for a person and without any content."""


@dataclass(frozen=True, slots=True)
class Found:
    """What is known for an assignment's cameras.

    Attributes:
        logins: by camera.
        problems: by camera, why there is no login although one is needed.
    """

    logins: Mapping[str, Login] = field(repr=False)
    problems: Mapping[str, str]


def found_in(
    assignment: EdgeAssignment,
    key: NodeKey,
    secrets: Mapping[str, Login | CredentialProblem],
    kept: Mapping[str, Login],
) -> Found:
    """The logins of `assignment`: sealed ones opened, others from `secrets`; `kept` serves where neither can. Pure."""
    logins: dict[str, Login] = {}
    problems: dict[str, str] = {}
    for camera in assignment.spec.cameras:
        try:
            login = _login(camera, key, secrets)
        except CredentialProblem as e:
            problems[camera.name] = str(e)
            login = kept.get(camera.name)
        if login is not None:
            logins[camera.name] = login
    return Found(logins, problems)


def secret_names(assignment: EdgeAssignment) -> frozenset[str]:
    """The Secrets that hold what no box of the assignment holds."""
    return frozenset(
        camera.config.source.credentials_secret_ref.name
        for camera in assignment.spec.cameras
        if camera.sealed_credential is None and camera.config.source.credentials_secret_ref is not None
    )


def login_of_secret(name: str, secret: Mapping[str, Any]) -> Login:
    """The login in a Secret as the API server gives it. Raises CredentialProblem that names what is missing."""
    data = secret.get("data") or {}
    try:
        texts = {key: base64.b64decode(data[key], validate=True).decode() for key in ("username", "password")}
    except KeyError as e:
        raise CredentialProblem(f"Secret {name} has no key {e.args[0]!r}; it needs username and password") from None
    except (binascii.Error, UnicodeDecodeError, TypeError):
        raise CredentialProblem(f"Secret {name}: username and password must be text in UTF-8; write it anew") from None
    return Login(texts["username"], texts["password"])


def _login(camera: AssignedCamera, key: NodeKey, secrets: Mapping[str, Login | CredentialProblem]) -> Login | None:
    if camera.sealed_credential is not None:
        return _opened(camera.sealed_credential.key_id, camera.sealed_credential.box, key)
    reference = camera.config.source.credentials_secret_ref
    if reference is None:
        return None
    read = secrets.get(reference.name, CredentialProblem(_NOT_READ))
    if isinstance(read, CredentialProblem):
        raise read
    return read


def _opened(key_id: str, box: str, key: NodeKey) -> Login:
    if key_id != key.id:
        raise CredentialProblem(
            f"its password is sealed to the key {key_id}, this node's is {key.id}; if the node was set up anew, delete"
            " its EdgeReport so that the new key is taken"
        )
    try:
        content = unseal(key.private, box)
        return Login(content["username"], content["password"])
    except SealingError as e:
        raise CredentialProblem(f"its sealed password cannot be opened: {e}") from None
    except KeyError as e:
        raise CredentialProblem(f"its sealed credential has no {e.args[0]!r}; the Secret needs that key") from None


class CredentialKeeper:
    """Keeps `credentials.json` as the assignment and the Secrets have it; any thread may call it."""

    def __init__(self, folder: EdgeFolder, key: NodeKey) -> None:
        self._folder = folder
        self._key = key
        self._secrets: dict[str, Login | CredentialProblem] = {}
        self._problems: Mapping[str, str] = {}
        self._lock = threading.Lock()

    @property
    def problems(self) -> Mapping[str, str]:
        """By camera, why it has no login although it needs one."""
        return self._problems

    def secret_read(self, name: str, result: Login | CredentialProblem) -> None:
        """What a Secret holds now. `refresh` brings it to the pipeline."""
        self._secrets[name] = result

    def prepare(self, coming: EdgeAssignment) -> None:
        """Before `coming` is written: what it needs, beside what the cameras that go still use. Raises OSError."""
        with self._lock:
            kept = self._kept(coming)
            found = found_in(coming, self._key, self._secrets, kept)
            known = {camera.name for camera in coming.spec.cameras}
            leaving = {name: login for name, login in self._on_disk().items() if name not in known}
            self._write({**leaving, **found.logins})

    def refresh(self) -> None:
        """The file becomes what the assignment in force needs, and nothing else. Raises OSError."""
        with self._lock:
            try:
                assignment = read_assignment(self._folder.assignment)
            except AssignmentUnreadable:
                return
            found = found_in(assignment, self._key, self._secrets, self._on_disk())
            if found.problems != self._problems:
                log.warning("credentials_missing", cameras=sorted(found.problems))
            self._problems = found.problems
            self._write(found.logins)

    def _kept(self, coming: EdgeAssignment) -> Mapping[str, Login]:
        """Logins on disk of cameras whose address and Secret stay: no other address may get them."""
        try:
            before = {c.name: c.config.source for c in read_assignment(self._folder.assignment).spec.cameras}
        except AssignmentUnreadable:
            return {}
        same = {c.name for c in coming.spec.cameras if before.get(c.name) == c.config.source}
        return {name: login for name, login in self._on_disk().items() if name in same}

    def _on_disk(self) -> Mapping[str, Login]:
        try:
            return read_logins(self._folder.credentials)
        except ValueError:
            return {}

    def _write(self, logins: Mapping[str, Login]) -> None:
        content = {name: {"username": one.username, "password": one.password} for name, one in sorted(logins.items())}
        data, path = json.dumps(content).encode(), self._folder.credentials
        if path.read_bytes() != data if path.exists() else bool(logins):
            write_durably(path, data, mode=0o600)
