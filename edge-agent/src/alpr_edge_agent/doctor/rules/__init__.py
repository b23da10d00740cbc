"""What facts mean: pure functions from facts to findings, a module a subject."""
