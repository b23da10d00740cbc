"""What the pipeline is told from outside: the assignment and the logins, read again when their files change."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from alpr_edge_agent.assignment import read_assignment
from alpr_edge_agent.errors import AssignmentUnreadable
from alpr_edge_agent.folder import EdgeFolder
from alpr_edge_agent.pipeline.status import StatusBoard
from alpr_edge_agent.sources import Login
from alpr_schemas.resources import EdgeAssignment

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

    def changed(self) -> tuple[EdgeAssignment, Mapping[str, Login]] | None:
        """The orders, where a file changed since the last call and they can be read; what runs goes on otherwise."""
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
