"""What the pipeline is told from outside: the assignment and the logins, read again when their files change."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from alpr_edge_agent.assignment import read_assignment
from alpr_edge_agent.contact import Fence
from alpr_edge_agent.errors import AssignmentUnreadable
from alpr_edge_agent.folder import EdgeFolder
from alpr_edge_agent.pipeline.status import StatusBoard
from alpr_edge_agent.sources import Login
from alpr_schemas.resources import EdgeAssignment, seconds

NO_LOGINS: Mapping[str, Login] = MappingProxyType({})


class _Login(BaseModel):
    model_config = ConfigDict(hide_input_in_errors=True)
    username: Annotated[str, Field(repr=False)] = ""
    password: Annotated[str, Field(repr=False)] = ""


_LOGINS = TypeAdapter(dict[str, _Login])


class Orders:
    """Looks at the files' stamps; cheap enough for twice a second."""

    def __init__(self, folder: EdgeFolder, board: StatusBoard) -> None:
        self._folder = folder
        self._board = board
        self._stamps: tuple[object, ...] = ()
        self._fence = Fence(folder.contact)
        self._fenced = False
        self._orders: tuple[EdgeAssignment, Mapping[str, Login]] | None = None

    def changed(self) -> tuple[EdgeAssignment, Mapping[str, Login]] | None:
        """The orders, where they changed since the last call and can be read; what runs goes on otherwise.

        They hold no camera while the API server has not been reached for longer than the assignment allows: another
        node may serve them by then.
        """
        read = self._read()
        if read is not None:
            self._orders = read
        if self._orders is None:
            return None
        assignment, logins = self._orders
        fenced = self._is_fenced(assignment)
        if read is None and fenced == self._fenced:
            return None
        self._fenced = fenced
        if not fenced:
            return assignment, logins
        return assignment.model_copy(update={"spec": assignment.spec.model_copy(update={"cameras": ()})}), logins

    def _is_fenced(self, assignment: EdgeAssignment) -> bool:
        after = assignment.spec.fence_after
        fenced = after is not None and self._fence.closed(seconds(after))
        text = f"the API server was not reached for {after}: the cameras are let go, for other nodes may have them"
        self._board.problem("fence", text if fenced else None)
        return fenced

    def _read(self) -> tuple[EdgeAssignment, Mapping[str, Login]] | None:
        stamps = (_stamp(self._folder.assignment), _stamp(self._folder.credentials))
        if stamps == self._stamps:
            return None
        self._stamps = stamps
        try:
            assignment = read_assignment(self._folder.assignment)
            logins = read_logins(self._folder.credentials)
        except (AssignmentUnreadable, ValueError) as e:
            self._board.problem("assignment", str(e))
            return None
        self._board.problem("assignment", None)
        return assignment, logins


def read_logins(path: Path) -> Mapping[str, Login]:
    """Logins by camera; none where there is no such file. Raises ValueError, without the content, where it is bad."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return NO_LOGINS
    except OSError as e:
        raise ValueError(f"{path.name}: {e.strerror}; make it readable to the pipeline's user") from None
    try:
        found = _LOGINS.validate_json(data)
    except ValidationError:
        raise ValueError(f"{path.name} must be JSON: {{camera: {{username, password}}}}; write it anew") from None
    return {camera: Login(login.username, login.password) for camera, login in found.items()}


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino, found.st_size
