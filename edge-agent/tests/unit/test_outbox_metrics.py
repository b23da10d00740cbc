"""What the outbox holds is on /metrics, also while nothing can be delivered."""

import hashlib

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from alpr_edge_agent.agent.outbox_metrics import outbox_shown
from alpr_edge_agent.outbox import Outbox, SpooledImage
from alpr_edge_agent.outbox.reader import OutboxReader
from alpr_testing.readings import reading


@pytest.fixture
def path(tmp_path):
    return tmp_path / "outbox.db"


def figures(registry):
    families = text_string_to_metric_families(generate_latest(registry).decode())
    return {(s.name, *s.labels.values()): s.value for family in families for s in family.samples}


def picture(folder, kind, size):
    path = folder / f"{kind}.jpg"
    path.write_bytes(b"x" * size)
    return SpooledImage(f"s/{kind}", reading(1).event_id, kind, path, hashlib.sha256(b"").hexdigest(), size)


def test_nothing_is_shown_before_there_is_an_outbox_and_after_its_time(path):
    registry = CollectorRegistry()
    with outbox_shown(path, registry):
        assert figures(registry) == {}
        assert not path.exists()  # a look makes no outbox
        Outbox.open(path, agent_id="n", max_bytes=1000).close()
        assert figures(registry)["alpr_outbox_events",] == 0
        assert figures(registry)["alpr_outbox_oldest_age_seconds",] == 0
    assert figures(registry) == {}


def test_what_waits_what_went_and_what_was_dropped(path, tmp_path):
    registry = CollectorRegistry()
    box = Outbox.open(path, agent_id="n", max_bytes=2000)
    reader = OutboxReader(path)
    box.put([reading(1)], [picture(tmp_path, "plate", 50), picture(tmp_path, "frame", 1900)])
    box._db.execute("UPDATE outbox SET created_ms = created_ms - 60000")
    waiting = 50 + len(reader.peek(1)[0].payload)
    with outbox_shown(path, registry):
        first = figures(registry)
        reader.delete(reader.peek(1))
        box.put([reading(n) for n in range(2, 20)])
        later = figures(registry)
    assert first["alpr_outbox_events",] == first["alpr_outbox_images",] == 1
    assert first["alpr_outbox_bytes",] == waiting
    assert 60 <= first["alpr_outbox_oldest_age_seconds",] < 120
    assert first["alpr_outbox_lost_images_total", "frame"] == 1
    assert later["alpr_outbox_sent_events_total",] == 1
    assert later["alpr_outbox_tombstoned_events_total",] + later["alpr_outbox_events",] == 18
    assert later["alpr_outbox_tombstoned_events_total",] > 0


def test_a_file_that_is_no_outbox_hides_the_figures_only(path):
    registry = CollectorRegistry()
    path.mkdir()
    with outbox_shown(path, registry):
        assert figures(registry) == {}
