"""Logging and metrics, set up once."""
