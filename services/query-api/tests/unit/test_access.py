import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import Headers

from alpr_query_api.access import _foreign, _host_of, bearer, cookie
from alpr_query_api.settings import ApiSettings, is_loopback


@pytest.mark.parametrize(
    ("header", "host"),
    [
        ("localhost:8000", "localhost"),
        ("LOCALHOST", "localhost"),
        ("[::1]:80", "::1"),
        ("10.0.0.1", "10.0.0.1"),
        ("", ""),
    ],
)
def test_the_host_of_a_header(header, host):
    assert _host_of(header) == host


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "[::1]", "localhost"])
def test_loopback(host):
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "localhost.evil.example", "", "127.0.0.1.nip.io"])  # noqa: S104
def test_what_others_reach_asks_for_a_key(host):
    settings = ApiSettings(host=host, database_url="x", images_url="file:///x")
    assert settings.asks_for_key


@given(st.text(max_size=60))
def test_no_header_breaks_the_gate(text):
    encoded = text.encode("utf-8", "replace")
    headers = Headers(raw=[(b"cookie", encoded), (b"authorization", encoded), (b"host", encoded)])
    assert cookie(headers) is None or isinstance(cookie(headers), str)
    assert bearer(headers) is None or "bearer" in text.lower()
    _host_of(headers["host"])


def test_the_session_is_found_among_other_cookies():
    assert cookie(Headers({"cookie": "a=1; alpr_session=abc; b=2"})) == "abc"
    assert cookie(Headers({"cookie": "a=1"})) is None


@pytest.mark.parametrize(
    ("method", "headers", "refused"),
    [
        ("GET", {}, False),
        ("GET", {"sec-fetch-site": "same-origin"}, False),
        ("GET", {"sec-fetch-site": "none", "sec-fetch-mode": "navigate"}, False),
        ("GET", {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}, False),
        ("GET", {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}, True),
        ("GET", {"sec-fetch-site": "same-site", "sec-fetch-mode": "cors"}, True),
        ("POST", {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}, True),
        ("POST", {"origin": "http://evil", "host": "localhost"}, True),
        ("POST", {"origin": "null", "host": "localhost"}, True),
        ("POST", {"origin": "http://localhost:8000", "host": "localhost:8000"}, False),
        ("POST", {"host": "localhost"}, False),
    ],
)
def test_other_sites(method, headers, refused):
    assert (_foreign(method, Headers(headers)) is not None) == refused
