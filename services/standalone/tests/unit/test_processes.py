import sys
import threading
import time

from alpr_standalone.processes import Part, stop_all


def until(condition, within_s=10.0):
    deadline = time.monotonic() + within_s
    pause = threading.Event()
    while not condition() and time.monotonic() < deadline:
        pause.wait(0.02)
    return condition()


def part(tmp_path, code, **more):
    return Part("p", [sys.executable, "-c", code], tmp_path / "p.log", **more)


def test_a_part_that_dies_is_started_again(tmp_path):
    dying = part(tmp_path, "print('hello')")
    dying.start()

    def started_twice():
        dying.look()
        return dying.starts >= 2

    assert until(started_twice)
    stop_all([dying])
    assert "hello" in (tmp_path / "p.log").read_text()


def test_a_part_whose_work_is_done_rests(tmp_path):
    working = part(tmp_path, "pass", ends=True)
    working.start()
    assert until(lambda: working.done)
    working.look()
    assert working.starts == 1


def test_stopping_asks_first(tmp_path):
    code = "import signal,sys,time\nsignal.signal(15, lambda *_: (print('bye', flush=True), sys.exit(0)))\nprint('up', flush=True)\ntime.sleep(60)"
    polite = part(tmp_path, code)
    polite.start()
    assert until(lambda: "up" in (tmp_path / "p.log").read_text())
    stop_all([polite])
    assert "bye" in (tmp_path / "p.log").read_text()
    assert polite.process.returncode == 0
