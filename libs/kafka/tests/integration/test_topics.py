"""Topics on a real broker: made, grown and put right, and what others have set stays."""

from datetime import timedelta
from uuid import uuid4

import pytest
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType

from alpr_kafka.settings import KafkaSettings
from alpr_kafka.topics import ALL, Topic, apply

pytestmark = pytest.mark.integration


@pytest.fixture
def settings(broker):
    return KafkaSettings(bootstrap_servers=broker.bootstrap)


def there(settings, name):
    admin = AdminClient(settings.client())
    resource = ConfigResource(ResourceType.TOPIC, name)
    config = admin.describe_configs([resource])[resource].result(15)
    return len(admin.list_topics(timeout=15).topics[name].partitions), {key: config[key].value for key in config}


def test_a_topic_is_made_grown_and_put_right(settings):
    name = f"t-{uuid4().hex[:8]}"
    first = Topic(name, 1, timedelta(hours=24))
    assert "made" in apply(settings, [first])[0].what
    assert apply(settings, [first]) == []
    longer = Topic(name, 3, timedelta(days=7))
    assert [change.topic for change in apply(settings, [longer], dry_run=True)] == [name, name]
    assert there(settings, name)[0] == 1
    apply(settings, [longer])
    partitions, config = there(settings, name)
    assert partitions == 3
    assert config["retention.ms"] == str(7 * 24 * 3600 * 1000)
    assert apply(settings, [longer]) == []


def test_what_others_have_set_stays(settings):
    name = f"t-{uuid4().hex[:8]}"
    apply(settings, [Topic(name, 1, timedelta(hours=24), 2_000_000)])
    admin = AdminClient(settings.client())
    foreign = ConfigEntry("segment.bytes", "20000000", incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, name, incremental_configs=[foreign])
    admin.incremental_alter_configs([resource])[resource].result(15)
    apply(settings, [Topic(name, 1, timedelta(days=2), 2_000_000)])
    _, config = there(settings, name)
    assert (config["segment.bytes"], config["retention.ms"]) == ("20000000", str(48 * 3600 * 1000))


def test_retention_is_told_to_people():
    assert {topic.kept_for for topic in ALL} == {"7 days", "24 hours", "30 days"}
