"""Upkeep goes on through outages, stops when told, and never hides a bug."""

import threading
from datetime import timedelta

from alpr_images.errors import Unavailable as ImagesAway
from alpr_search_indexer.errors import Misdeployed, Unavailable
from alpr_search_indexer.metrics import UPKEEP_FAILURES
from alpr_search_indexer.upkeep import Upkeep


def failing(error):
    def task(_):
        raise error

    return task


def test_a_task_that_fails_keeps_the_others_going():
    done = []
    tasks = [
        ("a", failing(Unavailable("x"))),
        ("b", failing(Misdeployed("x"))),
        ("c", failing(ImagesAway("x"))),
        ("d", done.append),
    ]
    before = UPKEEP_FAILURES.labels("b")._value.get()
    Upkeep(tasks, timedelta(seconds=1), threading.Event()).round()
    assert len(done) == 1
    assert UPKEEP_FAILURES.labels("b")._value.get() == before + 1


def test_it_comes_again_and_stops_within_a_round():
    stop, rounds = threading.Event(), []

    def task(now):
        rounds.append(now)
        if len(rounds) == 3:
            stop.set()

    upkeep = Upkeep([("a", task), ("b", rounds.append)], timedelta(milliseconds=1), stop)
    upkeep.start()
    upkeep.join(10)
    assert len(rounds) == 3
    assert rounds == sorted(rounds)


def test_a_bug_ends_the_process():
    stop = threading.Event()
    upkeep = Upkeep([("a", failing(ZeroDivisionError()))], timedelta(hours=1), stop)
    upkeep.start()
    assert stop.wait(10)
    upkeep.join(10)
    assert isinstance(upkeep.fault, ZeroDivisionError)
