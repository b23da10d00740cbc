"""Evidence into the object store."""

from __future__ import annotations

import structlog

from alpr_edge_agent.errors import DeliveryUnavailable
from alpr_images.errors import Unavailable
from alpr_images.store import ImageStore

log = structlog.get_logger(__name__)


class StoreSink:
    """Keeps evidence in an image store: a folder, or S3."""

    def __init__(self, store: ImageStore) -> None:
        self._store = store
        self._told = False

    def put_if_absent(self, key: str, data: bytes) -> None:
        """Returns when the picture is kept durably, or was so before. Raises DeliveryUnavailable."""
        try:
            outcome = self._store.put_if_absent(key, data)
        except Unavailable as e:
            raise DeliveryUnavailable(str(e)) from e
        if outcome == "mended":
            log.warning("torn_picture_replaced", key=key)
        if self._store.heeds_conditions is False and not self._told:
            self._told = True
            log.warning("store_knows_no_conditions", effect="each picture is asked for before it is put")
