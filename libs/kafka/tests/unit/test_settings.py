"""Settings come by the names of old and by no others; what is wrong is named, and no secret is."""

import pytest
from pydantic import ValidationError

from alpr_kafka.service import faults
from alpr_kafka.settings import ConsumerSettings, KafkaSettings, RegistrySettings


def test_a_consumers_names_are_read(monkeypatch):
    told = {
        "KAFKA_GROUP_ID": "g", "KAFKA_INSTANCE_ID": "i", "AUTO_OFFSET_RESET": "latest", "BATCH_RECORDS": "7",
        "ENABLE_DLQ": "false", "DLQ_TOPIC": "d", "MAX_RETRIES": "9", "RETRY_DELAY_BASE": "1.5",
        "PROCESSING_TIMEOUT": "12", "METRICS_PORT": "8080", "DLQ_MAX_SHARE": "0.5", "DLQ_MAX_IN_A_ROW": "3",
    }  # fmt: skip
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    found = ConsumerSettings()
    assert (found.group_id, found.instance_id, found.auto_offset_reset, found.batch_records) == ("g", "i", "latest", 7)
    assert (found.enable_dlq, found.dlq_topic, found.max_retries, found.retry_delay_base) == (False, "d", 9, 1.5)
    assert (found.processing_timeout, found.metrics_port, found.dead_share, found.dead_in_a_row) == (12, 8080, 0.5, 3)


def test_what_a_shell_calls_the_same_means_something_else(monkeypatch):
    for name in ("GROUP_ID", "INSTANCE_ID", "DEAD_SHARE", "USERNAME", "URL", "PASSWORD"):
        monkeypatch.setenv(name, "1")
    assert ConsumerSettings().group_id == "alpr"
    assert ConsumerSettings().instance_id != "1"
    assert ConsumerSettings().dead_share == 0.05
    assert RegistrySettings().url == "http://localhost:8081"
    assert RegistrySettings().username is None


def test_a_secured_broker_wants_who_and_by_what(monkeypatch, tmp_path):
    monkeypatch.setenv("KAFKA_SECURITY_PROTOCOL", "SASL_SSL")
    with pytest.raises(ValidationError, match="KAFKA_SASL_USERNAME"):
        KafkaSettings()
    monkeypatch.setenv("KAFKA_SASL_USERNAME", "alpr")
    secret = tmp_path / "password"
    secret.write_text("s3cret\n")
    monkeypatch.setenv("KAFKA_SASL_PASSWORD_FILE", str(secret))
    assert KafkaSettings().client()["sasl.password"] == "s3cret"
    monkeypatch.setenv("KAFKA_SASL_PASSWORD", "other")
    assert "other" not in repr(KafkaSettings())


@pytest.mark.parametrize(
    ("name", "value"), [("METRICS_PORT", "ninety"), ("AUTO_OFFSET_RESET", "newest"), ("BATCH_RECORDS", "0")]
)
def test_a_wrong_value_is_named_and_not_repeated(monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    with pytest.raises(ValidationError) as raised:
        ConsumerSettings()
    assert name in faults(raised.value)
    assert value == "0" or value not in faults(raised.value)


@pytest.mark.parametrize(
    ("settings", "name"),
    [(KafkaSettings, "KAFKA_SECURITY_PROTOCOL"), (RegistrySettings, "SCHEMA_REGISTRY_TIMEOUT_S")],
)
def test_the_variable_is_named_as_the_environment_names_it(monkeypatch, settings, name):
    monkeypatch.setenv(name, "s3cret")
    with pytest.raises(ValidationError) as raised:
        settings()
    assert faults(raised.value).startswith(f"{name}: ")
    assert "s3cret" not in faults(raised.value)


@pytest.mark.parametrize("held", [None, "", "\n"])
def test_a_password_file_that_is_missing_or_empty_is_a_fault_of_settings(monkeypatch, tmp_path, held):
    secret = tmp_path / "password"
    if held is not None:
        secret.write_text(held)
    for name, value in {
        "SECURITY_PROTOCOL": "SASL_SSL",
        "SASL_USERNAME": "alpr",
        "SASL_PASSWORD_FILE": str(secret),
    }.items():
        monkeypatch.setenv(f"KAFKA_{name}", value)
    with pytest.raises(ValidationError) as raised:
        KafkaSettings()
    assert "KAFKA_SASL_PASSWORD_FILE" in faults(raised.value)
