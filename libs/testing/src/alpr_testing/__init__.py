"""A pytest plugin that starts real servers; a dev dependency only."""
