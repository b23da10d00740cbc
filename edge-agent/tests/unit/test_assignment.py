import pytest

from alpr_edge_agent.assignment import read_assignment, write_assignment
from alpr_edge_agent.errors import AssignmentUnreadable
from alpr_schemas.resources import (
    AssignedCamera,
    AssignmentSpec,
    CameraConfig,
    EdgeAssignment,
    Metadata,
    Protocol,
    Source,
)


def assignment(revision):
    source = Source(protocol=Protocol.USB, url="usb:///dev/video0")
    camera = AssignedCamera(name="gate", config=CameraConfig(source=source))
    spec = AssignmentSpec(node_name="n", site="s", revision=revision, cameras=(camera,))
    return EdgeAssignment(metadata=Metadata(name="n"), spec=spec)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "assignment.json"


def test_what_was_written_is_read(path):
    write_assignment(path, assignment(1))
    assert read_assignment(path).spec == assignment(1).spec


def test_three_copies_are_kept(path):
    for revision in range(1, 6):
        write_assignment(path, assignment(revision))
    assert sorted(p.name for p in path.parent.iterdir()) == [path.name, f"{path.name}.1", f"{path.name}.2"]


@pytest.mark.parametrize("damage", [b"", b"{", b'{"kind": "EdgeAssignment"}'])
def test_a_damaged_copy_gives_way_to_the_one_before(path, damage):
    write_assignment(path, assignment(1))
    write_assignment(path, assignment(2))
    path.write_bytes(damage)
    assert read_assignment(path).spec.revision == 1


def test_a_changed_byte_is_noticed(path):
    write_assignment(path, assignment(1))
    write_assignment(path, assignment(2))
    path.write_bytes(path.read_bytes().replace(b"/dev/video0", b"/dev/video1"))
    assert read_assignment(path).spec.revision == 1


def test_the_same_again_moves_no_copy(path):
    write_assignment(path, assignment(1))
    before = path.stat().st_ino
    write_assignment(path, assignment(1))
    assert path.stat().st_ino == before


def test_nothing_to_read_says_where_and_what_to_do(path):
    with pytest.raises(AssignmentUnreadable, match="write it anew"):
        read_assignment(path)
