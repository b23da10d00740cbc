"""Settings come by the names of old; faults name the variable and never its value."""

from datetime import timedelta

import pytest
from pydantic import ValidationError

from alpr_kafka.service import faults
from alpr_search_indexer.settings import (
    DatabaseSettings,
    IndexerSettings,
    OpenSearchSettings,
    ReconcileSettings,
    duration,
)


def test_variables_of_the_old_system_are_read(monkeypatch):
    for name, value in {
        "OPENSEARCH_HOSTS": "http://a:9200, https://b:9200", "OPENSEARCH_INDEX_PREFIX": "plates", "OPENSEARCH_BULK_SIZE": "50",
        "OPENSEARCH_FLUSH_INTERVAL": "5", "KAFKA_GROUP_ID": "g", "METRICS_PORT": "9", "DB_HOST": "db", "DB_PASSWORD": "p w",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    search, consumer = OpenSearchSettings(), IndexerSettings()
    assert (search.hosts, search.index_prefix, search.bulk_size) == (("http://a:9200", "https://b:9200"), "plates", 50)
    assert (consumer.batch_wait_s, consumer.group_id, consumer.metrics_port) == (5, "g", 9)
    assert "host=db" in DatabaseSettings().dsn()


def test_a_shells_own_variables_name_no_database(monkeypatch):
    for name in ("URL", "HOST", "NAME", "USER", "PASSWORD"):
        monkeypatch.setenv(name, "somebody")
    monkeypatch.setenv("PORT", "77")
    assert not DatabaseSettings().named
    assert DatabaseSettings().dsn() == "host=localhost port=5432 dbname=alpr_db user=alpr"


def test_the_reader_has_an_address_of_its_own(monkeypatch):
    monkeypatch.setenv("ALPR_DATABASE_URL", "postgresql://writer@h/d")
    assert DatabaseSettings().dsn() == "postgresql://writer@h/d"
    monkeypatch.setenv("ALPR_READER_DATABASE_URL", "postgresql://reader@h/d")
    assert DatabaseSettings().dsn() == "postgresql://reader@h/d"


def test_the_group_and_the_port_are_those_of_old():
    assert (IndexerSettings().group_id, IndexerSettings().metrics_port) == ("alpr-elasticsearch-consumer", 8004)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("90", 90), ("90s", 90), ("5m", 300), ("24h", 86400), ("1.5d", 129600)],
)
def test_durations_are_written_as_people_write_them(text, expected):
    assert duration(text) == timedelta(seconds=expected)


@pytest.mark.parametrize("text", ["five", "5 minutes", "-5m", "PT5M"])
def test_other_words_are_no_duration(text):
    with pytest.raises(ValueError, match="24h"):
        duration(text)


def test_keep_may_be_forever(monkeypatch):
    monkeypatch.setenv("OPENSEARCH_KEEP", "forever")
    assert OpenSearchSettings().keep is None
    monkeypatch.setenv("OPENSEARCH_KEEP", "30d")
    assert OpenSearchSettings().keep == timedelta(days=30)


def test_a_fault_names_the_field_and_not_the_value(monkeypatch):
    monkeypatch.setenv("OPENSEARCH_INDEX_PREFIX", "My Secret Prefix")
    with pytest.raises(ValidationError) as e:
        OpenSearchSettings()
    assert "index_prefix" in faults(e.value)
    assert "Secret" not in faults(e.value)


def test_passwords_stay_out_of_what_is_printed(monkeypatch, tmp_path):
    (tmp_path / "password").write_text("hush\n")
    monkeypatch.setenv("OPENSEARCH_PASSWORD_FILE", str(tmp_path / "password"))
    monkeypatch.setenv("ALPR_DATABASE_URL", "postgresql://u:hush@h/d")
    monkeypatch.setenv("ALPR_IMAGES_URL", "s3://hush@bucket")
    search = OpenSearchSettings()
    assert search.password.get_secret_value() == "hush"
    assert "hush" not in repr([search, DatabaseSettings(), ReconcileSettings()])
