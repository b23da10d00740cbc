import json
import os

from alpr_query_api.health import STALE_AFTER_S, FileHealth

SINCE = "2026-03-01T12:00:00+00:00"


def written(path, *cameras):
    path.write_text(json.dumps({"updated_at": SINCE, "cameras": [{"since": SINCE, **c} for c in cameras]}))
    return path


def test_nobody_spoke_yet(tmp_path):
    assert FileHealth(None, None).read().cameras == ()
    assert FileHealth(tmp_path / "status", tmp_path / "report").read().count == 0


def test_cameras_come_by_name_with_their_reasons(tmp_path):
    bad = {"name": "yard", "state": "Failed", "reason": "no answer"}
    status = written(tmp_path / "status", bad, {"name": "gate", "state": "Streaming", "fps": 15.0, "unheard_of": 1})
    health = FileHealth(status, None).read()
    assert [(c.name, c.reason, c.fps) for c in health.cameras] == [("gate", "", 15.0), ("yard", "no answer", None)]


def test_half_a_minute_of_silence_makes_it_stale(tmp_path):
    status = written(tmp_path / "status", {"name": "gate", "state": "Streaming"})
    os.utime(status, (1000.0, 1000.0))
    for silent_s, stale in ((STALE_AFTER_S, False), (STALE_AFTER_S + 1, True)):
        health = FileHealth(status, None, lambda silent_s=silent_s: 1000.0 + silent_s).read()
        assert health.cameras[0].stale is stale


def test_a_torn_file_is_no_error(tmp_path):
    (tmp_path / "status").write_text('{"cameras": [{"na')
    assert FileHealth(tmp_path / "status", tmp_path / "status").read().cameras == ()
