"""Tools and paths for tests of charts, kustomizations and Lua scripts."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from alpr_testing.lua import Lua

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def repository() -> Path:
    return REPOSITORY


@pytest.fixture(scope="session")
def tool() -> Callable[[str], Path]:
    def found(name: str) -> Path:
        place = shutil.which(name)
        assert place, f"{name} is not there"
        return Path(place)

    return found


@pytest.fixture(scope="session")
def lua(tool: Callable[[str], Path]) -> Lua:
    return Lua(tool("glua"))
