"""Plate events into the search index, and the comparison of database, index and pictures."""
