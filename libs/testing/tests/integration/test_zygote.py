"""A zygote's children: their own environment, log and end."""

import signal
import threading

import pytest

from alpr_testing.waiting import until
from alpr_testing.zygote import Zygote

pytestmark = pytest.mark.integration


def test_a_child_has_its_environment_arguments_and_log_and_its_end_is_told(tmp_path, monkeypatch):
    (tmp_path / "said.py").write_text(
        "import os, sys\n"
        "def say():\n    print(os.environ['WHO'], *sys.argv[1:])\n    raise SystemExit(7)\n"
        "def wait():\n    import signal\n    signal.pause()\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    ends, told = [], threading.Event()

    def on_end(forked, status):
        ends.append((forked.name, status))
        told.set()

    with Zygote(["said"], tmp_path / "logs", on_end) as zygote:
        zygote.start("first", "said:say", ["a", "b"], {"WHO": "me"})
        assert told.wait(10)
        assert ends == [("first", 7)]
        assert (tmp_path / "logs/first.log").read_text() == "me a b\n"
        zygote.start("second", "said:wait")
        assert zygote.alive("second")
        assert zygote.signal("second", signal.SIGKILL)
        assert zygote.ended("second", 10)
        until(lambda: ("second", -9) in ends, 10, "the end of the second is told")
        assert not zygote.signal("second", signal.SIGKILL)


def test_what_fails_in_a_child_stands_in_its_log(tmp_path):
    with Zygote([], tmp_path) as zygote:
        zygote.start("wrong", "no_such_module:main")
        assert zygote.ended("wrong", 10)
    assert "no_such_module" in (tmp_path / "wrong.log").read_text()


def test_who_hears_of_an_end_may_start_the_next_at_once(tmp_path):
    started = threading.Event()

    def on_end(forked, _):
        if forked.name == "first":
            zygote.start("second", "time:sleep_forever")
            started.set()

    with Zygote([], tmp_path, on_end) as zygote:
        zygote.start("first", "no_such_module:main")
        assert started.wait(10)
