"""Lets tests live in the folder `operator/`.

pytest names a test module after its path from here, and makes a module of each folder on the way: for `operator/tests`
it would put our folder in the place of the standard library's `operator`, which everything imports.
"""

from __future__ import annotations

from pathlib import Path

import _pytest.pathlib

_named = _pytest.pathlib.module_name_from_path


def _named_apart(path: Path, root: Path) -> str:
    name = _named(path, root)
    return f"operator_folder.{name.removeprefix('operator.')}" if name.startswith("operator.") else name


_pytest.pathlib.module_name_from_path = _named_apart
