"""Events into the database, exactly once in effect."""
