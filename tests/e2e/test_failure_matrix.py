"""Every row of the event path's failure matrix has a test that bears its number, somewhere in the tree.

The matrix is the list of faults below; a test of row 9 is named `test_row_09_<what holds>` and compares the sets of
events sent and held.
"""

import re
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parents[2]
TESTED = ("edge-agent/tests", "libs/*/tests", "schemas/tests", "services/*/tests", "tests")
FAULTS = {
    1: "the agent dies before the outbox commits",
    2: "power is cut after the commit",
    3: "the agent dies after sending, before the acknowledgement",
    4: "the acknowledgement is lost on the wire",
    5: "the broker is away for a minute, or for a day",
    6: "the broker is killed and comes back",
    7: "the agent's disk is full",
    8: "the registry is away, at the start or later",
    9: "records that are none: bytes, schemas, types, times",
    10: "a consumer is killed: before its copy, after its insert, after its commit",
    11: "the database is stopped, killed, full, or locked",
    12: "a consumer sleeps past its session and wakes",
    13: "members of a group come and go",
    14: "the search engine has no room, is killed, is read-only, loses an index",
    15: "a replay over the end of a day or a month",
    17: "the object store is away, knows the picture, or cuts it off",
    18: "clocks that are wrong, leap days, daylight saving",
    19: "newer producers and older consumers, and the reverse",
    20: "SIGTERM under load",
    21: "the whole topic is read again",
    22: "two agents under one id",
}
"""Row 16, a dispatcher of alerts that dies between sending and noting it, comes with the alerts."""


def named_rows():
    """The files that test each row."""
    found = defaultdict(set)
    for folder in TESTED:
        for path in ROOT.glob(f"{folder}/**/test_*.py"):
            for number in re.findall(r"^\s*def test_row_(\d\d)_\w+\(", path.read_text(encoding="utf-8"), re.MULTILINE):
                found[int(number)].add(path)
    return found


def test_every_row_of_the_failure_matrix_has_a_test_of_its_number():
    missing = {row: fault for row, fault in FAULTS.items() if row not in named_rows()}
    assert not missing


def test_no_test_bears_the_number_of_a_row_that_is_none():
    assert named_rows().keys() <= FAULTS.keys() | {16}
