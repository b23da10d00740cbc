import io
import json
import logging

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from alpr_telemetry import TelemetrySettings, configure, scrub


@pytest.fixture
def stream():
    root = logging.getLogger()
    before = root.handlers[:], root.level
    out = io.StringIO()
    configure("test", TelemetrySettings(level="info"), out)
    yield out
    root.handlers[:], root.level = before
    structlog.reset_defaults()


def lines(out):
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_ours_and_the_libraries_lines_look_alike(stream):
    structlog.get_logger("ours").info("batch_stored", records=3)
    logging.getLogger("theirs").warning("slow %s", "disk")
    ours, theirs = lines(stream)
    assert (ours["event"], ours["records"], ours["service"], ours["level"]) == ("batch_stored", 3, "test", "info")
    assert (theirs["event"], theirs["service"], theirs["level"]) == ("slow disk", "test", "warning")


def test_a_password_in_an_address_or_a_traceback_does_not_get_out(stream):
    log = structlog.get_logger("ours")
    log.error("camera_failed", url="rtsp://admin:p@ss:w/rd@10.0.0.1/live", error=ValueError("rtsp://u:secret@h/x"))
    try:
        raise OSError("cannot open rtsp://u:secret@h/x")
    except OSError:
        log.exception("boom")
    assert "secret" not in stream.getvalue()
    assert "p@ss" not in stream.getvalue()
    assert "w/rd" not in stream.getvalue()
    assert lines(stream)[1]["exception"].startswith("Traceback")


def test_tracebacks_go_out_without_local_variables(stream):
    plate = "AB12" + "CDE"
    try:
        raise ValueError(len(plate))
    except ValueError:
        structlog.get_logger("ours").exception("boom")
    assert "AB12CDE" not in stream.getvalue()


letters = st.text(st.sampled_from("abcXYZ019:/@!$&*"), max_size=12)


@given(letters, letters)
def test_what_stands_before_the_host_is_cut_out(user, password):
    cleaned = scrub(f"open rtsp://{user}:{password}@host/live failed")
    assert cleaned == "open rtsp://***@host/live failed"


@given(st.text(max_size=40))
def test_text_without_an_address_is_left_alone(text):
    assert "://" in text or scrub(text) == text
