"""Which indices there are: the template, the months and their generations, the aliases, and what is past its keep."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog

from alpr_search_indexer import template
from alpr_search_indexer.errors import Misdeployed
from alpr_search_indexer.indices import Month, Names, expired
from alpr_search_indexer.metrics import DELETED_MONTHS
from alpr_search_indexer.search_engine import Refusal, SearchEngine

log = structlog.get_logger(__name__)
EVERYTHING = {"expand_wildcards": "all"}  # a generation in the making is hidden


@dataclass(frozen=True, slots=True)
class Shape:
    """How an index is laid out. `refresh`: how long a document waits until it is found, as `1s`."""

    shards: int = 1
    replicas: int = 0
    refresh: str = "1s"


class Catalogue:
    """Makes and deletes indices; raises what `SearchEngine` raises, and Misdeployed where others' things stand."""

    def __init__(self, engine: SearchEngine, names: Names, shape: Shape = Shape()) -> None:
        self._engine = engine
        self.names = names
        self.shape = shape

    def install(self) -> None:
        """As `install_template`; then teach existing indices new fields.

        Raises Misdeployed where another template wins, or an index is of another making.
        """
        self.install_template()
        for index, mappings in sorted(self._mappings().items()):
            self._teach(index, mappings)

    def install_template(self) -> None:
        """Put the template there, and see that it is the one that counts. Raises Misdeployed where another wins."""
        body = template.template(
            self.names.pattern, shards=self.shape.shards, replicas=self.shape.replicas, refresh=self.shape.refresh
        )
        path = f"/_index_template/{self.names.prefix}"
        try:
            self._engine.ask("PUT", path, body)
        except Refusal as e:
            raise Misdeployed(
                f"index template {self.names.prefix}: {e}; does another of the same priority match?"
            ) from e
        self._verify()

    def _verify(self) -> None:
        sample = self.names.generation(Month(2000, 1), 1)
        effective = self._engine.ask("POST", f"/_index_template/_simulate_index/{sample}")["template"]
        lacking = template.missing_from(effective.get("mappings", {}))
        if lacking:
            raise Misdeployed(
                f"another index template has a higher priority than {self.names.prefix}: it lacks {', '.join(lacking)}"
            )

    def _mappings(self) -> dict[str, dict[str, Any]]:
        found = self._engine.find("GET", f"/{self.names.pattern}/_mapping", **EVERYTHING) or {}
        return {index: told["mappings"] for index, told in found.items() if self.names.read(index) is not None}

    def _teach(self, index: str, mappings: Mapping[str, Any]) -> None:
        if not template.missing_from(dict(mappings)):
            return
        try:
            self._engine.ask("PUT", f"/{index}/_mapping", {"dynamic": "strict", "properties": template.PROPERTIES})
            log.info("fields_added", index=index)
        except Refusal as e:
            found = self.names.read(index)
            since = found[0].start.date() if found else "its month"
            log.warning("index_of_another_making", index=index, remedy=f"alpr-reindex --from-db --since {since}")
            raise Misdeployed(
                f"index {index} has fields of another kind; run alpr-reindex --from-db --since {since}"
            ) from e

    def make_month(self, month: Month) -> None:
        """See that `month` can be written. Raises Misdeployed where its name is an index of the old system."""
        alias = self.names.written(month)
        standing = self.indices()
        if alias in standing:
            raise Misdeployed(
                f"{alias} is an index of the old system; run alpr-reindex --from-db --since {month.start:%Y-%m}"
            )
        if self.holder(month) is not None:
            return
        index = self.names.generation(month, self.names.next_generation(month, standing))
        try:
            self._engine.ask("PUT", f"/{index}", {"aliases": self.aliases(month)})
            log.info("month_made", index=index)
        except Refusal as e:
            if e.kind != "resource_already_exists_exception":
                raise

    def aliases(self, month: Month) -> dict[str, dict[str, Any]]:
        """What an index of `month` is called beside its name."""
        return {self.names.prefix: {}, self.names.written(month): {"is_write_index": True}}

    def holder(self, month: Month) -> str | None:
        """The index that is written as `month` now; an index of the old system stands for itself."""
        found = self._engine.find("GET", f"/{self.names.written(month)}", **EVERYTHING)
        return min(found) if found else None

    def indices(self) -> list[str]:
        """All indices of ours, those in the making too, sorted."""
        found = self._engine.find("GET", f"/{self.names.pattern}/_settings/index.uuid", **EVERYTHING) or {}
        return sorted(index for index in found if self.names.read(index) is not None)

    def retire(self, now: datetime, keep: timedelta | None) -> list[str]:
        """Delete the months that ended longer than `keep` ago; their indices' names."""
        if keep is None:
            return []
        gone = expired(self.names, self.indices(), now, keep)
        for index in gone:
            self._engine.find("DELETE", f"/{index}")
            DELETED_MONTHS.inc()
            log.info("month_expired", index=index)
        return gone
