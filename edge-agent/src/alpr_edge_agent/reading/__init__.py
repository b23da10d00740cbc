"""`alpr read`: photos and clips on the command line."""
