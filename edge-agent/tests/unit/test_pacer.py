import threading
import time

from alpr_edge_agent.pipeline.pacer import Pacer


def served(pacer, ranks, stop=None):
    """Ranks in the order in which they got their turn, and when."""
    stop, order, lock = stop or threading.Event(), [], threading.Lock()

    def wait(rank):
        if not pacer.wait(stop, rank):
            with lock:
                order.append((rank, time.monotonic()))

    threads = [threading.Thread(target=wait, args=(rank,)) for rank in ranks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)
    return order


def test_turns_keep_their_distance():
    began = time.monotonic()
    order = served(Pacer(50.0), range(6))
    assert len(order) == 6
    assert order[-1][1] - began >= 5 / 50


def test_who_stands_first_goes_first():
    pacer = Pacer(8.0)
    pacer.wait(threading.Event())
    order = [rank for rank, _ in served(pacer, [4, 2, 0, 3, 1])]
    assert order == [0, 1, 2, 3, 4]


def test_whoever_leaves_holds_up_nobody():
    pacer, gone = Pacer(20.0), threading.Event()
    pacer.wait(threading.Event())
    leaving = threading.Thread(target=pacer.wait, args=(gone, 0))
    leaving.start()
    gone.set()
    leaving.join(5)
    assert [rank for rank, _ in served(pacer, [7])] == [7]


def test_the_rate_can_change():
    pacer = Pacer(0.001)
    pacer.set_rate(100.0)
    assert len(served(pacer, range(3))) == 3
