"""What a control plane knows before it runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from alpr_testing import control_plane
from alpr_testing.control_plane import ControlPlane, binaries


def test_a_kubeconfig_is_replaced_whole_and_only_where_it_differs(tmp_path: Path) -> None:
    plane = ControlPlane(tmp_path, tmp_path)
    first = plane.kubeconfig_of("one", "token-a")
    inode = first.stat().st_ino
    assert plane.kubeconfig_of("one", "token-a").stat().st_ino == inode
    assert plane.kubeconfig_of("one", "token-b").stat().st_ino != inode
    assert "token-b" in first.read_text()
    assert [path.name for path in tmp_path.iterdir()] == ["one.kubeconfig"]


def test_planes_listen_on_ports_of_their_own(tmp_path: Path) -> None:
    assert ControlPlane(tmp_path, tmp_path).url != ControlPlane(tmp_path, tmp_path).url


def _cannot_build(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "tools").mkdir()
    tool = folder / "tools/kubernetes"
    tool.write_text("#!/bin/sh\necho 'kwok cannot be built' >&2\nexit 1\n")
    tool.chmod(0o755)
    monkeypatch.setattr(control_plane, "_REPOSITORY", folder)


def test_servers_that_cannot_be_had_skip_a_test_and_say_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _cannot_build(tmp_path, monkeypatch)
    monkeypatch.setenv("CI", "")
    with pytest.raises(pytest.skip.Exception, match="kwok cannot be built"):
        binaries()


def test_servers_that_cannot_be_had_fail_in_ci(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _cannot_build(tmp_path, monkeypatch)
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="kwok cannot be built"):
        binaries()
