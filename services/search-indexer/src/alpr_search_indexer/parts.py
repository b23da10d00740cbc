"""Opens what the service and the commands are made of."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager

from alpr_images.settings import ImagesSettings
from alpr_search_indexer.catalogue import Catalogue, Shape
from alpr_search_indexer.database import Database
from alpr_search_indexer.findings import Findings
from alpr_search_indexer.indices import Names
from alpr_search_indexer.pictures import PictureAudit
from alpr_search_indexer.search_engine import SearchEngine
from alpr_search_indexer.settings import DatabaseSettings, OpenSearchSettings, ReconcileSettings
from alpr_search_indexer.writer import Pace

Opened = tuple[OpenSearchSettings, SearchEngine, Catalogue, Database, Pace]


@contextmanager
def opened() -> Iterator[Opened]:
    """Settings, engine, catalogue, database and pace, by the environment. Raises ValidationError for faults there."""
    settings = OpenSearchSettings()
    with closing(SearchEngine(settings)) as engine, closing(Database(DatabaseSettings().dsn())) as database:
        yield settings, engine, catalogue(settings, engine), database, pace(settings)


def catalogue(settings: OpenSearchSettings, engine: SearchEngine) -> Catalogue:
    """The catalogue as `settings` have it."""
    shape = Shape(shards=settings.shards, replicas=settings.replicas, refresh=settings.refresh)
    return Catalogue(engine, Names(settings.index_prefix), shape)


def pace(settings: OpenSearchSettings) -> Pace:
    """How a writer asks, as `settings` have it."""
    return Pace(size=settings.bulk_size, threads=settings.threads)


def picture_audit(database: Database, bounds: ReconcileSettings) -> tuple[PictureAudit, Findings] | None:
    """The audit and its table, which is to be closed; None where no object store is named."""
    if bounds.images_url is None:
        return None
    findings = Findings(DatabaseSettings().dsn())
    store = ImagesSettings(url=bounds.images_url.get_secret_value()).open()
    audit = PictureAudit(
        database, findings, store, limit=bounds.pictures, window=bounds.window, grace=bounds.picture_grace
    )
    return audit, findings
