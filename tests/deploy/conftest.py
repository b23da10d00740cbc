"""Tools, charts and golden files for tests of what is deployed."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from alpr_testing.control_plane import binaries
from alpr_testing.lua import Lua

REPOSITORY = Path(__file__).parents[2]
Manifest = dict[str, Any]
Render = Callable[..., list[Manifest]]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write golden files anew instead of comparing")


@pytest.fixture(scope="session")
def programs() -> Path:
    return binaries()


@pytest.fixture(scope="session")
def lua(programs: Path) -> Lua:
    return Lua(programs / "glua")


@pytest.fixture(scope="session")
def helm(programs: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs helm in the repository; its end is the caller's to judge."""

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [str(programs / "helm"), *arguments]
        return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)

    return run


@pytest.fixture(scope="session")
def render(helm: Callable[..., subprocess.CompletedProcess[str]], tmp_path_factory: pytest.TempPathFactory) -> Render:
    """What a chart makes of values, object by object."""
    folder = tmp_path_factory.mktemp("values")

    def rendered(
        chart: str, values: Manifest | None = None, *, release: str = "alpr-operator", hooks: bool = False
    ) -> list[Manifest]:
        path = folder / "values.yaml"
        path.write_text(yaml.safe_dump(values or {}))
        more = [] if hooks else ["--no-hooks"]
        done = helm("template", release, f"helm/{chart}", "--namespace", "alpr-system", "--values", str(path), *more)
        assert done.returncode == 0, done.stderr
        return [found for found in yaml.safe_load_all(done.stdout) if found]

    return rendered


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Compares a text with golden/<name>; with --update-golden it writes it."""

    def compare(name: str, text: str) -> None:
        path = Path(__file__).parent / "golden" / name
        if request.config.getoption("--update-golden", default=False):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        assert text == path.read_text(), (
            "if it shall be so: pytest tests/deploy --update-golden, and read the difference"
        )

    return compare
