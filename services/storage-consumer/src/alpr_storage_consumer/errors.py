"""What the database can do to us, in the words of `alpr_kafka.errors`.

Unavailable   it is down, or busy: commit nothing, back off, try again
Fenced        another consumer owns the partition now
Misdeployed   a column, a right or a migration is missing
A record that can never succeed is no error: it goes to the dead letters. All else is a bug: let it end the process.

StorageError
└── CannotRetain   retention could not get at a table → it comes again
"""

from __future__ import annotations

import psycopg

from alpr_kafka.database import translated
from alpr_kafka.errors import Fenced, Misdeployed, Unavailable

__all__ = ["POISON", "TOO_SLOW", "CannotRetain", "Fenced", "Misdeployed", "StorageError", "Unavailable", "translated"]

# A row that breaks a limit of the server is an OperationalError to the client, and yet the row's own fault.
POISON = (psycopg.DataError, psycopg.IntegrityError, psycopg.errors.ProgramLimitExceeded)
TOO_SLOW = (psycopg.errors.QueryCanceled, psycopg.errors.LockNotAvailable)


class StorageError(Exception):
    """An error of the store that somebody can act on."""


class CannotRetain(StorageError):
    """A table's old rows could not be removed now."""
