import pytest
from pydantic import ValidationError

from alpr_query_api.settings import ApiSettings, is_loopback


def settings(**more):
    return ApiSettings.model_validate({"database_url": "postgresql://u:hidden@h/d", "images_url": "file:///x", **more})


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "[::1]", "localhost"])
def test_this_machine_alone_needs_no_key(host):
    assert is_loopback(host)
    assert not settings(host=host).asks_for_key


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.2", "api.example", "localhost.example", "127.1", ""])  # noqa: S104
def test_any_other_address_asks_for_a_key(host):
    assert not is_loopback(host)
    assert settings(host=host).asks_for_key


def test_a_key_can_be_asked_for_on_this_machine_too():
    assert settings(require_key=True).asks_for_key


def test_the_password_does_not_show():
    assert "hidden" not in repr(settings())


@pytest.mark.parametrize("wrong", [{"port": 70000}, {"statement_timeout_s": 0}, {"session_hours": 0}])
def test_values_out_of_bounds_are_refused(wrong):
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        settings(**wrong)
