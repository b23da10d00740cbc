"""What a step may do to tables that are written to while it runs; those of the first release were made before there were any."""

import re
from importlib.resources import files

import pytest

from alpr_storage_consumer.migrate import names

RELEASED = "0016_fewer_indexes"
FOLDER = files("alpr_storage_consumer").joinpath("migrations")
BLOCKING = {
    "an index is built online, in a step that begins with `-- online`": r"CREATE\s+(UNIQUE\s+)?INDEX(?!\s+CONCURRENTLY)",
    "a column keeps its type: add another, fill it, drop the old one": r"ALTER\s+COLUMN\s+\w+\s+(SET\s+DATA\s+)?TYPE",
    "rows are not rewritten in one go": r"\bUPDATE\s+(plate|vehicle|metric)_events\b",
    "a constraint comes NOT VALID first": r"ADD\s+CONSTRAINT(?![^;]*NOT\s+VALID)",
    "nothing is locked by name": r"\bLOCK\s+TABLE\b|\bVACUUM\s+FULL\b|\bCLUSTER\b|\bREINDEX\b(?!\s+\w+\s+CONCURRENTLY)",
}


def faults(text: str) -> list[str]:
    """What in a step would keep writers waiting for long. New tables of the same step may be made in any way."""
    made = set(re.findall(r"CREATE\s+TABLE\s+(?:IF\s+NOT\s+EXISTS\s+)?(\w+)", text, re.IGNORECASE))
    bare = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("--"))
    others = [one for one in bare.split(";") if not any(re.search(rf"\bON\s+{name}\b", one) for name in made)]
    return [rule for rule, pattern in BLOCKING.items() if any(re.search(pattern, one, re.IGNORECASE) for one in others)]


def test_no_step_since_the_first_release_keeps_writers_waiting() -> None:
    later = [name for name in names() if name > RELEASED]
    found = {
        path.name: faults(path.read_text())
        for path in FOLDER.iterdir()
        if any(path.name.startswith(f"{name}.") for name in later) and ".back." not in path.name
    }
    assert {name: wrong for name, wrong in found.items() if wrong} == {}


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("CREATE INDEX i ON plate_events (site_id);", 1),
        ("-- online\nCREATE INDEX CONCURRENTLY i ON agent_ledger (agent_id);", 0),
        ("CREATE TABLE notes (n int);\nCREATE INDEX i ON notes (n);", 0),
        ("ALTER TABLE plate_events ADD COLUMN note text;", 0),
        ("ALTER TABLE plate_events ALTER COLUMN note TYPE varchar(9);", 1),
        ("UPDATE plate_events SET note = '';", 1),
        ("ALTER TABLE plate_events ADD CONSTRAINT c CHECK (n > 0);", 1),
        ("ALTER TABLE plate_events ADD CONSTRAINT c CHECK (n > 0) NOT VALID;", 0),
        ("LOCK TABLE plate_events;", 1),
    ],
)
def test_the_rule_knows_what_blocks(text: str, count: int) -> None:
    assert len(faults(text)) == count
