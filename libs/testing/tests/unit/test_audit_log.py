"""The audit log as it is read."""

from __future__ import annotations

import json
from pathlib import Path

from alpr_testing.audit_log import Audited, audited


def _line(user: str, verb: str, **more: object) -> str:
    told = {"user": {"username": user}, "verb": verb, "requestReceivedTimestamp": "2026-01-01T00:00:00.000001Z", **more}
    return json.dumps(told) + "\n"


def test_requests_of_one_user_are_told_apart_from_those_that_name_it(tmp_path: Path) -> None:
    log = tmp_path / "audit.log"
    where = {"resource": "cameras", "subresource": "status", "namespace": "s", "name": "one"}
    mine = _line("me", "patch", objectRef=where, responseStatus={"code": 200})
    log.write_text(mine + _line("other", "get", objectRef={"resource": "users", "name": "me"}))
    assert audited(log, "me") == [
        Audited("me", "patch", "cameras", "status", "s", "one", 200, "2026-01-01T00:00:00.000001Z")
    ]
    assert [one.user for one in audited(log)] == ["me", "other"]


def test_requests_without_an_object_or_an_answer_are_told_too(tmp_path: Path) -> None:
    log = tmp_path / "audit.log"
    log.write_text(_line("me", "get"))
    (one,) = audited(log)
    assert (one.resource, one.code) == ("", 0)


def test_a_line_that_is_just_written_waits(tmp_path: Path) -> None:
    log = tmp_path / "audit.log"
    log.write_text(_line("me", "get") + _line("me", "list")[:30])
    assert [one.verb for one in audited(log)] == ["get"]


def test_no_log_is_no_request(tmp_path: Path) -> None:
    assert audited(tmp_path / "audit.log") == []
