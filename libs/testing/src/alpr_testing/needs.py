"""What a test cannot run without: said locally, a failure in CI, never a pass."""

from __future__ import annotations

import os
import shutil

import pytest


def needs(program: str, *, package: str) -> str:
    """The path of `program`. Where it is missing the test is skipped with the line that installs it; in CI it fails."""
    path = shutil.which(program)
    if path is None:
        missing(f"{program} is missing; run: apt-get install {package}")
    return str(path)


def missing(what: str) -> None:
    """Skip the test and say why; fail it where CI=true."""
    if os.environ.get("CI", "").lower() in {"1", "true"}:
        pytest.fail(what)
    pytest.skip(what)
