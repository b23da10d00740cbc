"""Evidence images: their keys, and the object store that holds them (`store`, whose client is imported there alone)."""

from __future__ import annotations

from alpr_images.keys import image_key

__all__ = ["image_key"]
