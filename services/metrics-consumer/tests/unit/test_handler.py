"""Records in, figures out: what is wrong is buried with a reason, its neighbours are shown."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from alpr_kafka.decoding import PlainDecoder
from alpr_kafka.records import DeadLetterKind, Record
from alpr_metrics_consumer.handler import MetricsHandler, read_sample
from alpr_metrics_consumer.metrics import HostFigures, Metrics
from alpr_metrics_consumer.series import Bounds, Series
from alpr_schemas import codec, topics
from alpr_schemas.events import MetricEvent, MetricType
from alpr_schemas.identity import iso

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def event(**more):
    given = {
        "metric_id": str(uuid4()), "timestamp": iso(NOW), "host_id": "node-1", "site_id": "north",
        "metric_type": MetricType.FPS, "metric_name": "fps", "value": 17.5, "unit": "1/s",
    }  # fmt: skip
    return MetricEvent.model_validate({**given, **more})


def record(value):
    return Record(topics.METRICS, codec.encode(value) if isinstance(value, MetricEvent) else value)


@pytest.fixture
def prometheus():
    return CollectorRegistry()


@pytest.fixture
def handler(prometheus):
    series = Series(Bounds())
    prometheus.register(HostFigures(series, NOW.timestamp))
    return MetricsHandler(PlainDecoder(), series, Metrics(prometheus), NOW.timestamp)


def written(handler, *values):
    buried = []
    handler.write(handler.prepare([record(v) for v in values]), {}, buried.extend)
    return buried


def test_figures_are_shown_with_few_labels(handler, prometheus):
    assert written(handler, event(), event(metric_name="gpu_util", metric_type=MetricType.GPU_UTIL, value=0.5)) == []
    said = generate_latest(prometheus).decode()
    assert 'alpr_host_metric{host="node-1",metric_type="FPS",name="fps",site="north"} 17.5' in said
    assert 'alpr_host_metric{host="node-1",metric_type="GPU_UTIL",name="gpu_util",site="north"} 0.5' in said
    seen = prometheus.get_sample_value("alpr_host_seen_timestamp_seconds", {"host": "node-1", "site": "north"})
    assert seen == NOW.timestamp()


def test_bad_bytes_are_buried_and_their_neighbours_shown(handler, prometheus):
    buried = written(handler, event(), b"\xff\xff\xff", b"", event(host_id="node-2"))
    assert [(r.kind, r.record.value) for r in buried] == [
        (DeadLetterKind.SCHEMA_VALIDATION, b"\xff\xff\xff"),
        (DeadLetterKind.SCHEMA_VALIDATION, b""),
    ]
    said = generate_latest(prometheus).decode()
    assert 'host="node-1"' in said
    assert 'host="node-2"' in said


def test_old_names_of_the_counters_stay(handler, prometheus):
    written(handler, event(), b"\xff")
    for name, count in (("consumed", 2.0), ("processed", 1.0), ("failed", 1.0)):
        assert prometheus.get_sample_value(f"metrics_consumer_messages_{name}_total") == count


def test_overflow_is_counted(handler, prometheus):
    written(handler, *[event(metric_name=f"m{n}") for n in range(101)])
    assert prometheus.get_sample_value("alpr_metrics_series_overflow_total") == 1.0
    assert prometheus.get_sample_value("alpr_metrics_samples_total", {"outcome": "overflow"}) == 1.0


def test_reason_of_a_wrong_field_names_it_without_its_value(handler):
    decoded = event().model_dump(mode="json") | {"timestamp": "last tuesday"}

    class Decoded:
        def decode(self, _):
            return decoded

    handler.decoder = Decoded()
    ((reason),) = [r.reason for r in handler.prepare([record(b"")]).refused]
    assert reason.startswith("timestamp: ")
    assert "tuesday" not in reason


def test_missing_site_is_an_empty_label():
    assert read_sample(event(site_id=None).model_dump(mode="json")).labels.site == ""
