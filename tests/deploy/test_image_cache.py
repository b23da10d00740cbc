"""What tools/images takes from its cache: an image that was built on the base that is asked for, and no other."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration

REPOSITORY = Path(__file__).parents[2]
COMPONENT = "metrics-consumer"


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """A folder of programs that build nothing: what would be built fails at once."""
    folder = tmp_path / "programs"
    folder.mkdir()
    for name, status in {"buildah": 0, "debootstrap": 0, "uv": 1}.items():
        (folder / name).write_text(f"#!/bin/sh\nexit {status}\n")
        (folder / name).chmod(0o755)
    return folder


def test_an_image_on_another_base_is_another_image(programs: Path, tmp_path: Path) -> None:
    command = [sys.executable, "tools/image_inputs.py", "--digest", COMPONENT]
    digest = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout.strip()
    cache = tmp_path / "cache"
    cache.mkdir()
    there = cache / f"{COMPONENT}-{digest}.tar"
    there.touch()

    def images(**more: str) -> subprocess.CompletedProcess[str]:
        around = {name: value for name, value in os.environ.items() if name not in {"BASE", "BUILD_BASE"}}
        around |= {"PATH": f"{programs}:{os.environ['PATH']}", "ALPR_IMAGES": str(cache), **more}
        command = ["tools/images", COMPONENT]
        return subprocess.run(command, cwd=REPOSITORY, env=around, capture_output=True, text=True, check=False)

    assert images().stdout == f"{there}\n"
    other = images(BASE="registry.example.com/python:3.11")
    assert (other.returncode, other.stdout) == (1, "")
    assert "Building ovr-alpr/metrics-consumer" in other.stderr
    assert not list(cache.glob("context.*"))
    assert there.exists()
