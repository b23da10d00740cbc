"""The Query API and its page."""
