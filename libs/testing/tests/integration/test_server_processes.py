"""Servers live no longer than who started them, and say why they ended."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from alpr_testing.needs import needs
from alpr_testing.server_processes import ServerProcesses
from alpr_testing.waiting import until

pytestmark = pytest.mark.integration

_SLEEPER = "#!/bin/sh\necho started $* $COLOUR\nexec sleep 600\n"
_OWNER = """
import sys, time
from pathlib import Path
from alpr_testing.server_processes import ServerProcesses
processes = ServerProcesses(Path(sys.argv[1]), {})
processes.start("one", Path(sys.argv[2]), {})
print(dict(processes.items())["one"].pid, flush=True)
time.sleep(600)
"""


@pytest.fixture
def sleeper(tmp_path: Path) -> Path:
    return _script(tmp_path / "sleeper", _SLEEPER)


def _script(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(0o755)
    return path


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[ServerProcesses]:
    processes = ServerProcesses(tmp_path, {"COLOUR": "green"})
    yield processes
    processes.kill_all()


def _state(pid: int) -> str:
    """R, S, T (stopped) and so on; empty where there is no such process, or it only waits to be collected."""
    try:
        told = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return ""
    return "" if told == "Z" else told


def test_a_server_gets_its_flags_and_environment(processes: ServerProcesses, sleeper: Path, tmp_path: Path) -> None:
    processes.start("one", sleeper, {"port": "1", "name": "x"})
    log = tmp_path / "one.log"
    until(lambda: log.exists() and log.read_text() == "started --port=1 --name=x green\n", 10, "it has started")
    processes.check("one")


def test_it_stops_goes_on_and_ends(processes: ServerProcesses, sleeper: Path) -> None:
    processes.start("one", sleeper, {})
    pid = dict(processes.items())["one"].pid
    processes.pause("one")
    until(lambda: _state(pid) == "T", 10, "it has stopped")
    processes.resume("one")
    until(lambda: _state(pid) in {"S", "R"}, 10, "it goes on")
    processes.pause("one")
    processes.kill("one")
    assert _state(pid) == ""
    assert processes.items() == []
    processes.kill("one")


def test_one_that_is_asked_to_end_may_say_goodbye(processes: ServerProcesses, tmp_path: Path) -> None:
    polite = _script(
        tmp_path / "polite", "#!/bin/sh\ntrap 'echo bye; exit 0' TERM\necho up\nwhile :; do sleep 0.05; done\n"
    )
    processes.start("one", polite, {}, ["an argument"])
    log = tmp_path / "one.log"
    until(lambda: log.exists() and log.read_text() == "up\n", 10, "it is up")
    processes.stop("one")
    assert (log.read_text(), processes.items()) == ("up\nbye\n", [])


def test_one_that_will_not_end_is_killed(processes: ServerProcesses, tmp_path: Path) -> None:
    deaf = _script(tmp_path / "deaf", "#!/bin/sh\ntrap '' TERM\necho up\nwhile :; do sleep 0.05; done\n")
    processes.start("one", deaf, {})
    pid = dict(processes.items())["one"].pid
    until(lambda: (tmp_path / "one.log").read_text() == "up\n", 10, "it is up")
    processes.stop("one", within_s=0.2)
    assert _state(pid) == ""
    processes.stop("one")


def test_one_that_ended_by_itself_says_why(processes: ServerProcesses, tmp_path: Path) -> None:
    processes.start("one", _script(tmp_path / "broken", "#!/bin/sh\necho no such flag\nexit 3\n"), {})
    process = dict(processes.items())["one"]
    process.wait(10)
    with pytest.raises(RuntimeError, match=r"status 3:\nno such flag"):
        processes.check("one")


def test_it_outlives_the_thread_that_asked_for_it(processes: ServerProcesses, sleeper: Path) -> None:
    asking = threading.Thread(target=processes.start, args=("one", sleeper, {}))
    asking.start()
    asking.join()
    pid = dict(processes.items())["one"].pid
    until(lambda: _state(pid) == "S" and "sleep" in Path(f"/proc/{pid}/comm").read_text(), 10, "it sleeps")


def test_it_does_not_outlive_a_killed_test_run(sleeper: Path, tmp_path: Path) -> None:
    needs("setpriv", package="util-linux")
    command = [sys.executable, "-c", _OWNER, str(tmp_path), str(sleeper)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        pid = int(owner.stdout.readline())
        until(lambda: _state(pid) == "S", 10, "the server runs")
        owner.kill()
        until(lambda: _state(pid) == "", 10, "the server is gone too")
