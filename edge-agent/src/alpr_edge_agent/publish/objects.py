"""Evidence into the object store."""

from __future__ import annotations

from alpr_edge_agent.errors import DeliveryUnavailable
from alpr_images import ImageStore
from alpr_images.errors import Unavailable


class StoreSink:
    """Keeps evidence in an image store: a folder, or S3."""

    def __init__(self, store: ImageStore) -> None:
        self._store = store

    def put_if_absent(self, key: str, data: bytes) -> None:
        """Returns when the picture is kept durably, or was so before. Raises DeliveryUnavailable."""
        try:
            self._store.put_if_absent(key, data)
        except Unavailable as e:
            raise DeliveryUnavailable(str(e)) from e
