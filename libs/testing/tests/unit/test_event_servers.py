from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from alpr_testing.event_servers import TOOLS
from alpr_testing.ports import lasting_port


def _run(tool: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    told = {**os.environ, **environment}
    return subprocess.run([str(TOOLS / tool), *arguments], env=told, capture_output=True, text=True, check=False)


def _program(path: Path, script: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


@pytest.fixture
def maven(tmp_path: Path) -> Path:
    """A folder with a Maven that fetches one jar, which is none of ours, and notes that it was asked."""
    fetch = 'for told; do case "$told" in -DoutputDirectory=*) out=${told#*=};; esac; done; mkdir -p "$out"; echo x >"$out/a.jar"'
    _program(tmp_path / "bin/mvn", f'echo asked >>"{tmp_path}/asked"; {fetch}')
    return tmp_path / "bin"


def test_a_java_is_chosen_by_its_version(tmp_path: Path) -> None:
    _program(tmp_path / "jdk/bin/java", "exit 1")
    (tmp_path / "jdk/release").write_text('JAVA_VERSION="19.0.2"\n')
    home = str(tmp_path / "jdk")
    assert _run("java-found", "19", "19", JAVA_HOME=home).stdout.strip() == f"{home}/bin/java"
    assert f"{home}/bin/java" not in _run("java-found", "20", JAVA_HOME=home).stdout


def test_where_there_is_no_such_java_the_package_is_named() -> None:
    done = _run("java-found", "98", "99")
    assert (done.returncode, done.stdout) == (1, "")
    assert "apt-get install openjdk-17" in done.stderr


def test_jars_that_are_not_those_we_know_are_not_used(tmp_path: Path, maven: Path) -> None:
    cache = tmp_path / "cache"
    done = _run("event-servers", "kafka", ALPR_SERVERS=str(cache), PATH=f"{maven}:{os.environ['PATH']}")
    assert done.returncode == 1
    assert "has 1 files, not the" in done.stderr
    assert not list(cache.glob("*/.complete"))


def test_what_is_complete_is_not_fetched_again(tmp_path: Path, maven: Path) -> None:
    folder = tmp_path / "cache/kafka-4.1.0"
    folder.mkdir(parents=True)
    (folder / ".complete").touch()
    done = _run("event-servers", "kafka", ALPR_SERVERS=str(tmp_path / "cache"), PATH=f"{maven}:{os.environ['PATH']}")
    assert done.stdout.strip() == str(folder)
    assert not (tmp_path / "asked").exists()


def test_a_server_that_we_do_not_have_is_named(tmp_path: Path) -> None:
    done = _run("event-servers", "rabbit", ALPR_SERVERS=str(tmp_path))
    assert done.returncode == 1
    assert "unknown server rabbit; there are: kafka" in done.stderr


def test_a_lasting_port_is_none_that_clients_are_given() -> None:
    low = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    assert {lasting_port() < low for _ in range(20)} == {True}
