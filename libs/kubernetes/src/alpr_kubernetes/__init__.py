"""A small client of the Kubernetes API."""
