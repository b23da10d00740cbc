"""Test 12 of the operator's plan: the agent's cache through damage, age and a loss of power at any step."""

import hashlib
import json
import os
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alpr_edge_agent import durable
from alpr_edge_agent.assignment import CHECKSUM, read_assignment, write_assignment
from alpr_edge_agent.durable import sweep_leftovers
from alpr_edge_agent.errors import AssignmentUnreadable
from alpr_schemas.resources import EdgeAssignment

relaxed = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


def assignment(revision):
    camera = {"name": "gate", "config": {"source": {"protocol": "rtsp", "url": f"rtsp://192.0.2.{revision}/x"}}}
    spec = {"nodeName": "n1", "site": "s1", "revision": revision, "cameras": [camera]}
    return EdgeAssignment.model_validate({"metadata": {"name": "n1"}, "spec": spec})


@pytest.fixture
def path(tmp_path):
    return tmp_path / "assignment.json"


def written(path, revisions=3):
    for revision in range(1, revisions + 1):
        write_assignment(path, assignment(revision))
    return path.read_bytes()


@relaxed
@given(st.data())
def test_12_agent_cache_survives_truncation_anywhere(path, data):
    whole = written(path)
    path.write_bytes(whole[: data.draw(st.integers(0, len(whole) - 1))])
    assert read_assignment(path).spec.revision == 2


@relaxed
@given(st.data())
def test_12_agent_cache_survives_any_changed_byte(path, data):
    whole = bytearray(written(path))
    at = data.draw(st.integers(0, len(whole) - 1))
    whole[at] ^= data.draw(st.integers(1, 255))
    path.write_bytes(bytes(whole))
    read = read_assignment(path)
    assert read.spec in (assignment(2).spec, assignment(3).spec)


@pytest.mark.parametrize("damaged", [1, 2, 3])
def test_12_agent_cache_needs_one_whole_copy(path, damaged):
    written(path)
    for copy in sorted(path.parent.glob("assignment.json*"))[:damaged]:
        copy.write_bytes(b"\0" * 100)
    if damaged < 3:
        assert read_assignment(path).spec.revision == 3 - damaged
    else:
        with pytest.raises(AssignmentUnreadable):
            read_assignment(path)


def test_12_agent_cache_of_another_version_is_read(path):
    """Neither fields that came later nor fields that are gone make a file look damaged."""
    written(path)
    wire = json.loads(path.read_bytes())
    del wire["spec"]["reportRefresh"], wire["spec"]["released"]
    wire["spec"]["fromTheFuture"] = {"a": 1}
    digest = hashlib.sha256(json.dumps(wire["spec"], sort_keys=True).encode()).hexdigest()
    wire["metadata"]["annotations"][CHECKSUM] = digest
    path.write_bytes(json.dumps(wire).encode())
    assert read_assignment(path).spec.revision == 3


class PowerCut(BaseException):
    """Nothing after it happens: no handler, no clean-up."""


class Disk:
    """Counts the steps of a durable write and cuts the power before one; what was not synced is half there at best."""

    def __init__(self, monkeypatch, cut_at):
        self.steps = 0
        self.cut_at = cut_at
        self.loose = {}
        real_open, real_fsync, real_replace = os.open, os.fsync, type(durable.Path()).replace

        def opened(file, flags, *rest):
            self.step()
            descriptor = real_open(file, flags, *rest)
            if flags & os.O_CREAT:
                self.loose[descriptor] = file
            return descriptor

        def synced(descriptor):
            self.step()
            real_fsync(descriptor)
            self.loose.pop(descriptor, None)

        def replaced(source, target):
            self.step()
            return real_replace(source, target)

        monkeypatch.setattr(durable.os, "open", opened)
        monkeypatch.setattr(durable.os, "fsync", synced)
        monkeypatch.setattr(type(durable.Path()), "replace", replaced)

    def step(self):
        self.steps += 1
        if self.steps == self.cut_at:
            for file in self.loose.values():
                os.truncate(file, os.stat(file).st_size // 2)  # noqa: PTH116
            raise PowerCut


@contextmanager
def powered(cut_at=0):
    with pytest.MonkeyPatch.context() as patch:
        yield Disk(patch, cut_at)


def steps_of_a_write(folder):
    path = folder / "counted" / "assignment.json"
    path.parent.mkdir()
    written(path)
    with powered() as disk:
        write_assignment(path, assignment(4))
    return disk.steps


def test_12_agent_cache_survives_a_power_cut_before_every_step(tmp_path):
    steps = steps_of_a_write(tmp_path)
    assert steps >= 12  # three copies, each opened, synced, renamed, and its folder synced
    for cut_at in range(1, steps + 1):
        path = tmp_path / f"cut-{cut_at}" / "assignment.json"
        path.parent.mkdir()
        written(path)
        with powered(cut_at), pytest.raises(PowerCut):
            write_assignment(path, assignment(4))
        assert read_assignment(path).spec.revision in {3, 4}, f"cut before step {cut_at}"
        write_assignment(path, assignment(5))
        assert read_assignment(path).spec.revision == 5


def test_12_agent_cache_survives_cuts_in_a_row(tmp_path):
    path = tmp_path / "assignment.json"
    written(path)
    for cut_at in range(1, 12):
        with powered(cut_at), pytest.raises(PowerCut):
            write_assignment(path, assignment(10 + cut_at))
        assert read_assignment(path).spec.revision >= 3


def test_12_agent_cache_leaves_no_rubbish_behind(tmp_path):
    path = tmp_path / "assignment.json"
    written(path)
    for cut_at in (2, 3, 4):
        with powered(cut_at), pytest.raises(PowerCut):
            write_assignment(path, assignment(9))
    names = {"assignment.json", "assignment.json.1", "assignment.json.2"}
    leftovers = [p for p in tmp_path.iterdir() if p.name not in names]
    assert leftovers
    assert sweep_leftovers(tmp_path) == 0  # they may be another process's, just now
    long_ago = datetime(2026, 1, 1, tzinfo=UTC).timestamp()
    for leftover in leftovers:
        os.utime(leftover, (long_ago, long_ago))
    assert sweep_leftovers(tmp_path) == len(leftovers)
    assert {p.name for p in tmp_path.iterdir()} == names
