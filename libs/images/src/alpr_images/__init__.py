"""Evidence images: their keys, and the object store that holds them."""

from __future__ import annotations

from alpr_images.keys import image_key
from alpr_images.store import ImageStore, open_image_store

__all__ = ["ImageStore", "image_key", "open_image_store"]
