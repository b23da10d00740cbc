import errno
from datetime import UTC, datetime

import pytest

from alpr_edge_agent.agent import intake as module
from alpr_edge_agent.agent.credentials import CredentialKeeper
from alpr_edge_agent.agent.intake import Intake, withdrawn
from alpr_edge_agent.agent.node_key import node_key
from alpr_edge_agent.agent.report import NodeFacts, first_report, report_of
from alpr_edge_agent.assignment import read_assignment
from alpr_edge_agent.errors import AssignmentUnreadable
from alpr_edge_agent.folder import EdgeFolder
from alpr_schemas.resources import EdgeReport

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def raw(revision=1, **spec):
    camera = {"name": "gate", "config": {"source": {"protocol": "usb", "url": "usb:///dev/video0"}}}
    return {
        "apiVersion": "ovr-alpr.io/v1alpha1",
        "kind": "EdgeAssignment",
        "metadata": {"name": "n1", "namespace": "yard", "uid": "u", "resourceVersion": "7"},
        "spec": {"nodeName": "n1", "site": "yard", "revision": revision, "cameras": [camera], **spec},
    }


@pytest.fixture
def folder(tmp_path):
    return EdgeFolder(tmp_path)


@pytest.fixture
def intake(folder):
    return Intake(folder, CredentialKeeper(folder, node_key(folder.node_key)))


def test_what_arrives_is_what_the_pipeline_reads(intake, folder):
    assert intake.take(raw(3)).spec.revision == 3
    assert read_assignment(folder.assignment).spec.cameras[0].name == "gate"
    assert intake.condition.status == "True"


def test_a_newer_schema_leaves_the_old_assignment_in_force(intake, folder):
    intake.take(raw(3))
    assert intake.take(raw(4, schema=2)) is None
    assert read_assignment(folder.assignment).spec.revision == 3
    assert (intake.condition.status, intake.condition.reason) == ("False", "UnsupportedSchema")
    assert "schema 2" in intake.condition.message
    intake.take(raw(5))
    assert intake.condition.status == "True"


def test_unknown_fields_of_the_same_schema_are_no_hindrance(intake):
    assert intake.take(raw(1, inventedLater={"a": 1})) is not None


def test_an_invalid_assignment_names_its_field_and_changes_nothing(intake, folder):
    intake.take(raw(3))
    assert intake.take(raw(4, connectPerSecond=-1)) is None
    assert read_assignment(folder.assignment).spec.revision == 3
    assert intake.condition.reason == "Invalid"
    assert "connectPerSecond" in intake.condition.message


def test_a_full_disk_is_said(intake, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(module, "write_assignment", full)
    assert intake.take(raw()) is None
    assert intake.condition.reason == "NotKept"


def test_a_deleted_assignment_leaves_no_camera_also_after_a_restart(intake, folder):
    intake.take(raw(3))
    intake.withdraw()
    kept = read_assignment(folder.assignment)
    assert kept.spec.cameras == ()
    assert withdrawn(kept)
    intake.take(raw(1))
    assert not withdrawn(read_assignment(folder.assignment))


def test_nothing_to_withdraw_is_fine(intake, folder):
    intake.withdraw()
    with pytest.raises(AssignmentUnreadable):
        read_assignment(folder.assignment)


def test_a_node_may_have_a_long_name(intake, folder):
    name = "n" + "-x." * 80 + "n"
    raw_assignment = raw(2, nodeName=name)
    raw_assignment["metadata"]["name"] = name
    intake.take(raw_assignment)
    kept = read_assignment(folder.assignment)
    for report in (report_of(kept, None, NOW), first_report(name, None, NodeFacts())):
        assert EdgeReport.model_validate(report.wire()).metadata.name == name
