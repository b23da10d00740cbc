"""The agent takes its sinks from their folder, ends when they are others, and not before."""

import os
import threading

from alpr_edge_agent.agent.sinks import SinksWatch, take_variables
from alpr_testing.waiting import until


def swap(folder, name):
    """As kubelet does: a new folder, and the link renamed onto it."""
    (folder / name).mkdir(parents=True)
    (folder / "..new").symlink_to(name)
    (folder / "..new").replace(folder / "..data")


def watched(folder):
    stop = threading.Event()
    thread = threading.Thread(target=SinksWatch(folder, every_s=0.01).run, args=(stop,), daemon=True)
    return stop, thread


def test_a_swapped_folder_ends_the_agent(tmp_path):
    swap(tmp_path, "..2026_1")
    stop, thread = watched(tmp_path)
    thread.start()
    assert not stop.wait(0.1)
    swap(tmp_path, "..2026_2")
    until(stop.is_set, 10, "the agent is told to end")
    thread.join(10)


def test_sinks_that_come_later_end_it_too(tmp_path):
    stop, thread = watched(tmp_path)
    thread.start()
    swap(tmp_path, "..2026_1")
    until(stop.is_set, 10, "the agent is told to end")


def test_where_nothing_is_mounted_it_only_waits(tmp_path):
    stop, thread = watched(tmp_path / "nowhere")
    thread.start()
    assert not stop.wait(0.1)
    stop.set()
    thread.join(10)
    assert not thread.is_alive()


def test_variables_of_the_folder_win_over_older_ones_and_passwords_stay_files(tmp_path, monkeypatch):
    swap(tmp_path, "..2026_1")
    for name, text in (
        ("KAFKA_BOOTSTRAP_SERVERS", "kafka.hub.svc:9092\n"),
        ("kafka-password", "hush"),
        ("ca.crt", "PEM"),
    ):
        (tmp_path / "..2026_1" / name).write_text(text)
        (tmp_path / name).symlink_to(f"..data/{name}")
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "old:9092")
    assert take_variables(tmp_path) == ["KAFKA_BOOTSTRAP_SERVERS"]
    assert os.environ["KAFKA_BOOTSTRAP_SERVERS"] == "kafka.hub.svc:9092"
    assert "hush" not in os.environ.values()
    assert take_variables(tmp_path / "nowhere") == []
