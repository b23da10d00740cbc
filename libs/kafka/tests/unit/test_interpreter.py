"""What is trimmed, and when."""

from pathlib import Path

from alpr_kafka.interpreter import HeapTrimmer


def test_the_heap_is_trimmed_when_it_is_time_and_not_before() -> None:
    done: list[int] = []
    waits, due = HeapTrimmer(3600, lambda: done.append(1)), HeapTrimmer(0, lambda: done.append(2))
    waits.look()
    assert done == []
    due.look()
    due.look()
    assert done == [2, 2]


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def test_pages_that_nothing_uses_any_more_go_back_to_the_system() -> None:
    held = [bytes(40_000) for _ in range(2000)]  # below the size from which the C library maps each piece alone
    kept = [bytes(40_000) for _ in range(1)]  # at the heap's end: it cannot simply become shorter
    before = resident_bytes()
    del held
    HeapTrimmer(0).look()
    assert before - resident_bytes() > 60_000_000
    assert kept
