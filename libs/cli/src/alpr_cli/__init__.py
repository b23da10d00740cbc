"""The alpr command: packages add sub-commands by the entry-point group alpr.commands."""
