"""Secrets are made once: what exists stays, what ends soon is renewed, what does not fit is said."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from alpr_setup.certificates import RENEWED_BEFORE, SERVER_LASTS, Signed, new_authority, new_certificate, still_good
from alpr_setup.contents import keys_of, missing_contents
from alpr_setup.errors import SetupError
from alpr_setup.plan import Plan, read_plan

NOW = datetime(2026, 3, 1, tzinfo=UTC)
PLAN = Plan.model_validate(
    {
        "secrets": {
            "admin": {"kind": "password", "username": "admin"},
            "writer": {
                "kind": "database", "username": "alpr_writer", "host": "database", "database": "alpr",
                "options": "sslmode=verify-full",
            },
            "agents": {"kind": "objectStore", "username": "agents"},
            "api": {"kind": "apiKey"},
            "ca-key": {"kind": "authority", "public": "ca"},
            "kafka-tls": {"kind": "certificate", "hosts": ["kafka", "kafka.alpr.svc", "127.0.0.1"]},
        }
    }
)  # fmt: skip


def test_everything_is_made_once_and_then_nothing():
    made = missing_contents(PLAN, {}, NOW)
    assert made.keys() == {*PLAN.secrets, "ca"}
    for name, wanted in PLAN.secrets.items():
        assert made[name].keys() == keys_of(wanted)
    assert missing_contents(PLAN, made, NOW) == {}


def test_a_database_is_reached_by_its_address_and_an_object_store_by_awss_file():
    made = missing_contents(PLAN, {}, NOW)
    word = made["writer"]["password"].decode()
    assert made["writer"]["dsn"].decode() == f"postgresql://alpr_writer:{word}@database:5432/alpr?sslmode=verify-full"
    assert made["agents"]["credentials"].decode().splitlines()[0] == "[default]"
    assert made["agents"]["secret-key"].decode() in made["agents"]["credentials"].decode()
    assert made["api"]["key"].startswith(b"alpr_")


@given(st.sets(st.sampled_from(sorted(PLAN.secrets))))
def test_what_exists_is_never_made_again(kept):
    everything = missing_contents(PLAN, {}, NOW)
    found = {name: everything[name] for name in kept}
    made = missing_contents(PLAN, found, NOW)
    assert not {name for name in kept if PLAN.secrets[name].kind != "certificate"} & made.keys()


def test_a_secret_that_lacks_a_key_is_named_and_nothing_is_made():
    with pytest.raises(SetupError, match="Secret writer lacks dsn, password"):
        missing_contents(PLAN, {"writer": {"username": b"x"}}, NOW)


def test_a_certificate_is_renewed_before_it_ends_by_the_same_authority():
    made = missing_contents(PLAN, {}, NOW)
    late = NOW + SERVER_LASTS - RENEWED_BEFORE + timedelta(minutes=1)
    renewed = missing_contents(PLAN, made, late)
    assert renewed.keys() == {"kafka-tls"}
    assert renewed["kafka-tls"]["ca.crt"] == made["ca"]["ca.crt"]
    assert missing_contents(PLAN, made | renewed, late) == {}


def test_another_name_of_the_server_wants_another_certificate():
    made = missing_contents(PLAN, {}, NOW)
    told = PLAN.model_dump()
    told["secrets"]["kafka-tls"]["hosts"] = ("kafka", "kafka.other.svc")
    assert missing_contents(Plan.model_validate(told), made, NOW).keys() == {"kafka-tls"}


def test_a_certificate_of_another_authority_or_none_is_not_good():
    ours, theirs = new_authority(NOW), new_authority(NOW)
    signed = new_certificate(theirs, ["kafka"], NOW)
    assert still_good(signed.certificate, theirs.certificate, ["kafka"], NOW)
    assert not still_good(signed.certificate, ours.certificate, ["kafka"], NOW)
    assert not still_good(b"no certificate", ours.certificate, ["kafka"], NOW)


def test_a_server_cannot_sign():
    ours = new_authority(NOW)
    server = new_certificate(ours, ["kafka"], NOW)
    forged = new_certificate(Signed(server.certificate, server.key), ["registry"], NOW)
    assert not still_good(forged.certificate, ours.certificate, ["registry"], NOW)
    basic = x509.load_pem_x509_certificate(server.certificate).extensions.get_extension_for_class(x509.BasicConstraints)
    assert not basic.value.ca


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("secrets: {a: {kind: password}}", "secrets.a.password.username"),
        ("secrets: {a: {kind: wrong}}", "secrets.a"),
        ("secrets: {A_b: {kind: apiKey}}", "secrets.A_b"),
        ("secrets: {a: {kind: certificate, hosts: []}}", "hosts"),
        ("secrets: {a: {kind: certificate, hosts: [h]}}", "want one secret of kind authority"),
        ("secrets: {a: {kind: authority, public: b}, c: {kind: authority, public: d}}", "room for one only"),
        ("secrets: {a: {kind: database, username: u, host: h, database: 'd b'}}", "database"),
        ("secrets: [", "cannot be read as YAML"),
        ("more: 1", "secrets"),
    ],
)
def test_a_wrong_plan_is_refused_by_the_name_of_what_is_wrong(tmp_path, text, complaint):
    path = tmp_path / "plan.yaml"
    path.write_text(text)
    with pytest.raises(SetupError, match=complaint):
        read_plan(path)
