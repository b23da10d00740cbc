"""Gathers facts: files of the kernel, commands of the system, a connection. Nothing here judges."""
