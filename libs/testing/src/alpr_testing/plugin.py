"""Fixtures: real servers, started once a run."""
