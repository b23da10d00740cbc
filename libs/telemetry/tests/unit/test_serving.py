"""Probes and metrics of services without a web server."""

import urllib.error
import urllib.request

import pytest
from prometheus_client import CollectorRegistry, Counter

from alpr_telemetry.serving import Readiness, listening, served


def asked(port, path):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as e:
        with e:
            return e.code, e.read().decode()


@pytest.fixture
def serving():
    registry, readiness = CollectorRegistry(), Readiness()
    Counter("things", "Things.", registry=registry).inc(3)
    with listening(0, readiness, host="127.0.0.1", registry=registry) as port:
        yield port, readiness


def test_ready_says_why_not_and_health_does_not_care(serving):
    port, readiness = serving
    assert asked(port, "/ready") == (503, "starting\n")
    assert asked(port, "/health") == (200, "ok\n")
    readiness.tell(True)
    assert asked(port, "/ready") == (200, "ok\n")
    readiness.tell(False, "the database does not answer")
    assert asked(port, "/ready") == (503, "the database does not answer\n")


def test_metrics_are_served(serving):
    status, text = asked(serving[0], "/metrics")
    assert status == 200
    assert "things_total 3.0" in text


def test_other_paths_say_what_there_is(serving):
    assert asked(serving[0], "/")[0] == 404


def test_port_0_serves_nothing():
    with served(0, Readiness()) as port:
        assert port == 0
