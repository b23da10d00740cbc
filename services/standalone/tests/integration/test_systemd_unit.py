"""The systemd unit: systemd's own judgement of it, and its command line run as it would be run, with all else read only."""

from __future__ import annotations

import configparser
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from alpr_edge_agent.models import default_models_dir
from alpr_simulator.clip import render
from alpr_simulator.scene import Scene
from alpr_standalone.commands import up
from alpr_standalone.sources import manifests_for_demo
from alpr_testing.needs import missing, needs
from alpr_testing.ports import free_port
from alpr_testing.waiting import until

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]
UNIT = Path(__file__).parents[2] / "systemd" / "ovr-alpr.service"
STATE = Path("/var/lib/ovr-alpr")
# A view of the machine as ProtectSystem=strict gives it: $1 is the state, $2 the cache and /tmp, the rest is the command.
SANDBOX = """
set -e
mount --bind "$1" "$STATE"; mount --bind "$2" /tmp
mount -o remount,bind,ro /
shift 2
exec "$@"
"""


@pytest.fixture(scope="module")
def unit() -> configparser.RawConfigParser:
    read = configparser.RawConfigParser(strict=True, delimiters=("=",), interpolation=None)
    read.optionxform = str  # type: ignore[assignment,method-assign]
    read.read_string(UNIT.read_text())
    return read


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The unit with a program that is there, for a machine that has no user ovr-alpr."""
    path = tmp_path / UNIT.name
    text = UNIT.read_text().replace("/opt/ovr-alpr/.venv/bin/alpr", sys.executable)
    path.write_text(re.sub(r"(?m)^(User|Group)=.*$", "", text))
    return path


def test_systemd_finds_nothing_wrong(installed: Path) -> None:
    tool = needs("systemd-analyze", package="systemd")
    done = subprocess.run([tool, "verify", "--man=no", str(installed)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_systemd_finds_a_misspelt_word(installed: Path) -> None:
    tool = needs("systemd-analyze", package="systemd")
    installed.write_text(installed.read_text().replace("ProtectSystem=", "ProtectSystems="))
    done = subprocess.run([tool, "verify", "--man=no", str(installed)], capture_output=True, text=True, check=False)
    assert "ProtectSystems" in done.stderr


def test_its_exposure_is_low_by_systemds_own_scale() -> None:
    tool = needs("systemd-analyze", package="systemd")
    command = [tool, "security", "--offline=true", "--no-pager", "--threshold=30", str(UNIT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if "unrecognized option" in done.stderr:
        missing("systemd-analyze is older than 250 and judges no files; update systemd")
    assert done.returncode == 0, done.stdout[-300:]


def words(unit: configparser.RawConfigParser) -> list[str]:
    return shlex.split(unit["Service"]["ExecStart"])


def test_its_command_line_is_one_that_alpr_up_takes(unit: configparser.RawConfigParser) -> None:
    program, command, *options = words(unit)
    assert (Path(program).name, command) == ("alpr", "up")
    known = {name for parameter in up.params for name in parameter.opts}
    assert {option for option in options if option.startswith("-")} <= known
    up.make_context("up", options)


def test_it_writes_nowhere_but_where_it_may(unit: configparser.RawConfigParser) -> None:
    told = unit["Service"]
    assert words(unit)[words(unit).index("--data") + 1] == f"/var/lib/{told['StateDirectory']}"
    assert f"/var/cache/{told['CacheDirectory']}/" in told["Environment"]
    assert "ReadWritePaths" not in told


def test_the_same_command_serves_and_ends_with_0_at_sigterm(unit: configparser.RawConfigParser, tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    render(Scene(seed=3, seconds=2, fps=10, width=640, height=360, occupancy=0.5, vehicles=1, hardship=0.0), clip)
    port, private, state = free_port(), tmp_path / "private", tmp_path / "state"
    private.mkdir()
    site = manifests_for_demo(private / "site", clip.rename(private / "clip.mp4"))
    state.mkdir()
    boxed = os.geteuid() == 0 and can_box()
    seen = Path("/tmp") if boxed else private  # noqa: S108 - the box's own
    instead = {
        "/opt/ovr-alpr/.venv/bin/alpr": str(Path(sys.executable).with_name("alpr")),
        "/etc/ovr-alpr/site": str(seen / site.relative_to(private)),
        "8000": str(port),
        "8001": "0",
        **({} if boxed else {str(STATE): str(state)}),
    }
    rewrite(site, private, seen)
    if default_models_dir().is_dir():  # converted once is enough for all tests
        shutil.copytree(default_models_dir(), private / "models")
    command = [instead.get(word, word) for word in words(unit)]
    told = dict(pair.split("=", 1) for pair in unit["Service"]["Environment"].split())
    environment = {**told, "PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/nonexistent", "LANG": "C.UTF-8"}
    environment |= {"ALPR_MODELS_DIR": str(seen / "models"), "TMPDIR": str(seen)}
    if boxed:
        environment["STATE"] = str(STATE)
        command = ["unshare", "--mount", "sh", "-c", SANDBOX, "sh", str(state), str(private), *command]
    with (
        place(STATE if boxed else state),
        subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process,
    ):
        try:
            until(lambda: healthy(port) or process.poll() is not None, 90, "the API")
        finally:
            process.send_signal(signal.SIGTERM)
            out, error = process.communicate(timeout=60)
    assert process.returncode == 0, error
    assert "alpr is up" in out
    assert "readings stored" in out
    assert {"edge", "postgres", "logs"} <= {found.name for found in state.iterdir()}


@contextmanager
def place(folder: Path) -> Iterator[None]:
    """A folder to mount upon, as long as it is needed."""
    ours = not folder.exists()
    folder.mkdir(exist_ok=True)
    yield
    if ours and not any(folder.iterdir()):
        folder.rmdir()


def rewrite(site: Path, before: Path, after: Path) -> None:
    """Name the clip as the box sees it."""
    for path in site.glob("*.yaml"):
        path.write_text(path.read_text().replace(str(before), str(after)))


def can_box() -> bool:
    """Whether mounts of our own may be made here, and hide nothing that the command needs."""
    if any(Path(place).is_relative_to("/tmp") for place in (sys.prefix, sys.base_prefix, __file__)):  # noqa: S108
        return False
    return subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode == 0


def healthy(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/health").status_code == 200
    except httpx.HTTPError:
        return False
