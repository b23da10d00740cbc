"""The registry's schemas with their ids, as rows that wait in an outbox name them: Apicurio's own export and import."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import urllib3

from alpr_setup.errors import SetupError

_VERSIONS: Final = ("v3", "v2")
_ZIP: Final = b"PK"
# An id means the same schema as before: otherwise what is encoded already could not be read.
_SAME_IDS: Final = {"X-Registry-Preserve-GlobalId": "true", "X-Registry-Preserve-ContentId": "true"}


class Registry:
    """A registry by the address of its Confluent API, as https://registry:8081/apis/ccompat/v7.

    Args:
        ca_file: who signed its certificate; None for the system's list.
    """

    def __init__(self, url: str, ca_file: Path | None) -> None:
        self._root, self._separator, _ = url.partition("/apis/")
        timeout = urllib3.Timeout(connect=5, read=120)
        self._pool = urllib3.PoolManager(timeout=timeout, retries=False, ca_certs=str(ca_file) if ca_file else None)

    def export(self) -> tuple[str, bytes] | None:
        """Which API it was ("v3") and the archive; None for a registry that is not Apicurio's. Raises SetupError."""
        for version in _VERSIONS if self._separator else ():
            status, content = self._ask("GET", version, "export")
            if status == 200 and content.startswith(_ZIP):
                return version, content
            if status not in {200, 404}:
                raise SetupError(f"registry: its export answered {status}")
        return None

    def bring(self, version: str, archive: bytes) -> None:
        """Import what `export` gave into an empty registry. Raises SetupError."""
        status, content = self._ask("POST", version, "import", archive)
        if status == 404:
            raise SetupError(f"registry: it has no API {version}, whose export this is; use the registry it came from")
        if status not in {200, 201, 204}:
            raise SetupError(f"registry: its import answered {status}: {content[:200].decode(errors='replace')}")

    def subjects(self) -> int:
        """How many subjects it has. Raises SetupError."""
        status, content = self._request("GET", f"{self._root}/apis/ccompat/v7/subjects")
        if status != 200:
            raise SetupError(f"registry: its list of subjects answered {status}")
        return content.count(b'"') // 2

    def _ask(self, method: str, version: str, word: str, body: bytes | None = None) -> tuple[int, bytes]:
        return self._request(method, f"{self._root}/apis/registry/{version}/admin/{word}", body)

    def _request(self, method: str, address: str, body: bytes | None = None) -> tuple[int, bytes]:
        headers = {"Content-Type": "application/zip", **_SAME_IDS} if body else {"Accept": "application/zip, */*"}
        try:
            answer = self._pool.request(method, address, body=body, headers=headers)
        except urllib3.exceptions.HTTPError as e:
            raise SetupError(f"registry: no answer ({type(e).__name__}); is it up?") from e
        return answer.status, answer.data
