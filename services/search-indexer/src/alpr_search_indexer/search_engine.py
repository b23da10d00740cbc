"""The only file that talks to OpenSearch: foreign errors end here.

Bodies hold plates: the client's own log of requests is switched off, and of an answer only types and fields are told.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import orjson
from opensearchpy import OpenSearch
from opensearchpy.exceptions import ConnectionError as NoConnection
from opensearchpy.exceptions import ConnectionTimeout, NotFoundError, TransportError
from opensearchpy.serializer import JSONSerializer

from alpr_search_indexer.errors import Misdeployed, SearchError, Unavailable
from alpr_search_indexer.metrics import TIMEOUTS
from alpr_search_indexer.settings import OpenSearchSettings

_NDJSON = {"content-type": "application/x-ndjson"}
_TOLD = "errors,items.*.status,items.*.error.type,items.*.error.reason"
_COME_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})


class Refusal(SearchError):
    """A request that the engine will not take as it is.

    Attributes:
        status: of HTTP.
        kind: the engine's name of the error, as `resource_already_exists_exception`.
    """

    def __init__(self, status: int, kind: str) -> None:
        super().__init__(f"OpenSearch refused: {status} {kind}")
        self.status = status
        self.kind = kind


class SearchEngine:
    """Requests of one client; safe for several threads. Every call blocks.

    All raise Unavailable in an outage, Misdeployed where rights are missing, Refusal for what is wrong in a request.
    """

    def __init__(self, settings: OpenSearchSettings) -> None:
        logging.getLogger("opensearch").setLevel(logging.ERROR)
        auth = (settings.username, settings.password.get_secret_value()) if settings.username else None
        tls: dict[str, Any] = {"ca_certs": str(settings.ca_file)} if settings.ca_file else {}
        self._client = OpenSearch(
            hosts=settings.hosts,
            http_auth=auth,
            timeout=settings.timeout.total_seconds(),
            max_retries=len(settings.hosts) - 1,  # each node once; whoever asks knows when to come again
            retry_on_timeout=False,
            serializer=_Json(),
            http_compress=settings.compress,
            pool_maxsize=settings.threads + 2,
            **tls,
        )

    def ask(self, method: str, path: str, body: Any = None, timeout_s: float | None = None, **params: Any) -> Any:
        """The answer's document."""
        try:
            return self._client.transport.perform_request(method, path, params, body, timeout_s)
        except TransportError as e:
            raise _ours(e) from e

    def find(self, method: str, path: str, **params: Any) -> Any:
        """As `ask`; None where there is no such thing."""
        try:
            return self._client.transport.perform_request(method, path, params)
        except NotFoundError:
            return None
        except TransportError as e:
            raise _ours(e) from e

    def bulk(self, body: bytes, *, require_alias: bool) -> list[Mapping[str, Any]] | None:
        """Post lines of `_bulk`; what became of each, in order. None: all were written.

        With `require_alias` a line for a month that is not there fails, instead of making an index without our aliases.
        """
        params = {"filter_path": _TOLD} | ({"require_alias": "true"} if require_alias else {})
        try:
            told = self._client.transport.perform_request("POST", "/_bulk", params, body, headers=_NDJSON)
        except TransportError as e:
            raise _ours(e) from e
        return [item["index"] for item in told["items"]] if told["errors"] else None

    def close(self) -> None:
        """Close the connections."""
        self._client.close()


class _Json(JSONSerializer):
    def loads(self, s: str) -> Any:
        return orjson.loads(s)

    def dumps(self, data: Any) -> Any:
        return data if isinstance(data, str | bytes) else orjson.dumps(data).decode()


def _ours(error: TransportError) -> SearchError:
    if isinstance(error, ConnectionTimeout):
        TIMEOUTS.inc()
    if isinstance(error, NoConnection) or not isinstance(error.status_code, int):
        return Unavailable(f"OpenSearch: {type(error).__name__}; is OPENSEARCH_HOSTS right, and is it up?")
    if error.status_code in _COME_AGAIN:
        return Unavailable(f"OpenSearch: status {error.status_code}")
    kind = str(error.error)[:100] if isinstance(error.error, str) and " " not in error.error else ""
    if error.status_code == 401 or kind == "security_exception":
        return Misdeployed("OpenSearch: no right to do this; look at OPENSEARCH_USERNAME, its password and its role")
    return Refusal(error.status_code, kind)
