"""Dead letters: kept in a table, grouped by what is wrong, shown, replayed."""
