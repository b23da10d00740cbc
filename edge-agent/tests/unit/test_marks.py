from __future__ import annotations

import threading
from pathlib import Path

import pytest

from alpr_edge_agent.crashes.marks import Mark, Marks, read_marks


def test_marks_are_seen_by_who_reads_the_file_now(tmp_path: Path) -> None:
    marks = Marks(tmp_path / "marks")
    with marks.guard("cam-1", "decode"), marks.guard("cam-2", "detect"):
        ident = threading.get_ident()
        assert read_marks(tmp_path / "marks") == (Mark("cam-1", ("decode",), ident), Mark("cam-2", ("detect",), 0))
    assert read_marks(tmp_path / "marks") == ()


def test_error_inside_clears_the_mark(tmp_path: Path) -> None:
    marks = Marks(tmp_path / "marks")
    with pytest.raises(KeyError), marks.guard("cam-1", "read"):
        raise KeyError
    assert read_marks(tmp_path / "marks") == ()


def test_new_process_begins_without_marks(tmp_path: Path) -> None:
    Marks(tmp_path / "marks").guard("cam-1", "decode").__enter__()
    Marks(tmp_path / "marks")
    assert read_marks(tmp_path / "marks") == ()


def test_released_slot_is_used_again(tmp_path: Path) -> None:
    marks = Marks(tmp_path / "marks")
    for n in range(200):
        with marks.guard(f"cam-{n}", "decode"):
            assert [mark.camera for mark in read_marks(tmp_path / "marks")] == [f"cam-{n}"]
        marks.release(f"cam-{n}")


def test_missing_or_torn_file_holds_no_marks(tmp_path: Path) -> None:
    assert read_marks(tmp_path / "none") == ()
    (tmp_path / "torn").write_bytes(b"x" * 100)
    assert read_marks(tmp_path / "torn") == ()
