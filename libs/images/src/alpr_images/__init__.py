"""Evidence images: their keys, and the object store that holds them."""
