"""The schema registry: ids for our schemas, schemas for others' ids, both kept on disk.

An id never changes its meaning in a registry, so what was once told is true for ever: an agent that boots without the
registry encodes with what it was told before.
"""

from __future__ import annotations

import hashlib
import json
import os
import ssl
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self, cast

from alpr_kafka.errors import Misdeployed, Unavailable
from alpr_kafka.settings import RegistrySettings

if TYPE_CHECKING:
    import httpx

LEVEL: Final = "BACKWARD"
_JSON: Final = {"Content-Type": "application/vnd.schemaregistry.v1+json"}
Schema = dict[str, Any]


def subject_of(topic: str) -> str:
    """The subject of a topic's values: the topic-name strategy."""
    return f"{topic}-value"


class Registry:
    """Asks the registry once a schema; threads may share it. All calls block, for a few seconds at most."""

    def __init__(self, settings: RegistrySettings) -> None:
        self._settings = settings
        self._client: httpx.Client | None = None  # made when somebody must be asked: mostly the disk knows
        self._folder = settings.cache_folder
        self._realm = _short_hash(settings.url)  # another registry counts anew: its ids mean other schemas
        self._guard = threading.Lock()
        self._ids: dict[tuple[str, str], int] = {}
        self._schemas: dict[int, Schema] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        client, self._client = self._client, None
        if client is not None:
            client.close()

    def schema(self, schema_id: int) -> Schema:
        """The schema of an id. Raises KeyError where the registry knows none, Unavailable where nobody can say."""
        with self._guard:
            name = f"schema-{self._realm}-{schema_id}"
            known = self._schemas.get(schema_id) or self._kept_schema(name)
            if known is None:
                known = self._asked(schema_id)
                self._keep(name, known)
            self._schemas[schema_id] = known
            return known

    def id_of(self, topic: str, schema: Schema) -> int:
        """The id of `schema` for values of `topic`; it is registered where it is not.

        Raises Unavailable, or Misdeployed where the registry holds the schema for incompatible.
        """
        subject, text = subject_of(topic), canonical(schema)
        with self._guard:
            known = self._ids.get((subject, text))
            if known is None:
                name = f"id-{self._realm}-{subject}-{_short_hash(text)}"
                kept = (self._kept(name) or {}).get("id")
                known = kept if isinstance(kept, int) else self._registered(subject, text)
                self._keep(name, {"id": known})
                self._ids[subject, text] = known
            return known

    def demand_level(self, topic: str) -> None:
        """Have the registry refuse what old readers could not read. Raises Unavailable, Misdeployed."""
        answer = self._sent("PUT", f"/config/{subject_of(topic)}", {"compatibility": LEVEL})
        if answer.status_code >= 400:
            raise Misdeployed(f"registry: the level of {subject_of(topic)} cannot be set ({answer.status_code})")

    def fits(self, topic: str, schema: Schema) -> bool:
        """Whether `schema` may follow what is registered for `topic`; true where nothing is. Raises Unavailable."""
        path = f"/compatibility/subjects/{subject_of(topic)}/versions/latest"
        answer = self._sent("POST", path, {"schema": canonical(schema)})
        if answer.status_code == 404:
            return True
        return bool(_told(answer, "is_compatible"))

    def _registered(self, subject: str, text: str) -> int:
        answer = self._sent("POST", f"/subjects/{subject}/versions", {"schema": text})
        if answer.status_code in {409, 422}:
            raise Misdeployed(
                f"registry: our schema for {subject} is not {LEVEL} compatible with the registered one; "
                "run `alpr schemas check` and compare the versions of the programs"
            )
        return int(_told(answer, "id"))

    def _asked(self, schema_id: int) -> Schema:
        answer = self._sent("GET", f"/schemas/ids/{schema_id}")
        if answer.status_code == 404:
            raise KeyError(schema_id)
        try:
            return cast("Schema", json.loads(_told(answer, "schema")))
        except ValueError as e:
            raise Unavailable(f"registry: schema {schema_id} is no JSON; register it again") from e

    def _sent(self, method: str, path: str, body: dict[str, Any] | None = None) -> httpx.Response:
        import httpx

        try:
            return self._http().request(method, path.lstrip("/"), json=body, headers=_JSON)
        except httpx.HTTPError as e:
            raise Unavailable(f"registry: {type(e).__name__}; is SCHEMA_REGISTRY_URL right, and is it up?") from e

    def _http(self) -> httpx.Client:
        if self._client is None:
            import httpx

            told = self._settings
            auth = None
            if told.username is not None and told.password is not None:
                auth = httpx.BasicAuth(told.username, told.password.get_secret_value())
            # A list of authorities is a megabyte, and of no use to a line without encryption.
            trusted = ssl.create_default_context(cafile=str(told.ca_file)) if told.ca_file else None
            verify = trusted or told.url.startswith("https:")
            self._client = httpx.Client(base_url=told.url, auth=auth, timeout=told.timeout_s, verify=verify)
        return self._client

    def _kept(self, name: str) -> dict[str, Any] | None:
        if self._folder is None:
            return None
        try:
            found = json.loads((self._folder / f"{name}.json").read_bytes())
        except (OSError, ValueError):  # a damaged file is one that is not there
            return None
        return found if isinstance(found, dict) else None

    def _kept_schema(self, name: str) -> Schema | None:
        import fastavro
        from fastavro.schema import SchemaParseException, UnknownType

        kept = self._kept(name)
        try:
            return kept if kept and fastavro.parse_schema(kept) else None
        except (SchemaParseException, UnknownType, KeyError, TypeError):
            return None  # taken for true, it would make dead letters of good records

    def _keep(self, name: str, told: dict[str, Any]) -> None:
        if self._folder is None:
            return
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            _write_whole(self._folder / f"{name}.json", json.dumps(told).encode())
        except OSError:
            return  # asked again at the next start


def canonical(schema: Schema) -> str:
    """The text by which a schema is registered: equal for equal schemas, without fastavro's marks."""
    return json.dumps(_bare(schema), separators=(",", ":"))


def _bare(schema: Any) -> Any:
    if isinstance(schema, dict):
        kept = {key: _bare(value) for key, value in schema.items() if not key.startswith("__")}
        if "namespace" not in kept and "." in str(kept.get("name", "")) and kept.get("type") == "record":
            kept["namespace"], _, kept["name"] = kept["name"].rpartition(".")
        return kept
    if isinstance(schema, list):
        return [_bare(item) for item in schema]
    return schema


def _short_hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _write_whole(path: Path, data: bytes) -> None:
    part = path.with_suffix(f".{os.getpid()}.part")
    with part.open("wb") as out:
        out.write(data)
        out.flush()
        os.fsync(out.fileno())
    part.replace(path)


def _told(answer: httpx.Response, name: str) -> Any:
    """A field of an answer; what answers without it is no registry, but a proxy or a portal on the way."""
    _raise_for(answer)
    try:
        return answer.json()[name]
    except (ValueError, KeyError, TypeError) as e:
        told = f"registry: {answer.status_code} without {name}"
        raise Unavailable(f"{told}: no registry's answer; is SCHEMA_REGISTRY_URL right?") from e


def _raise_for(answer: httpx.Response) -> None:
    if answer.status_code >= 500 or answer.status_code in {408, 429}:
        raise Unavailable(f"registry: answers {answer.status_code}; try again")
    if answer.status_code >= 400:
        raise Misdeployed(f"registry: refuses us with {answer.status_code}; check its user and rights")
