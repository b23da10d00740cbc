"""Credentials of an object store out of a mounted Secret, in the form of AWS's shared credentials file.

They are read again for each request, ten times a second at most: a Secret that was renewed needs no restart.
"""

from __future__ import annotations

import configparser
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from alpr_images.errors import CredentialsUnusable

KEPT_FOR: Final = timedelta(minutes=5)
"""What obstore is told; it asks again once less than five minutes are left, and so always."""


class FileCredentials:
    """Reads `path` when the client asks.

    Of its section [default] it takes aws_access_key_id, aws_secret_access_key and, for temporary credentials,
    aws_session_token. Raises CredentialsUnusable, whose text holds nothing of the file's.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def __call__(self) -> dict[str, Any]:
        """The credentials as obstore takes them."""
        section = self._section()
        found = {name: section.get(f"aws_{name}") for name in ("access_key_id", "secret_access_key", "session_token")}
        missing = [f"aws_{name}" for name in ("access_key_id", "secret_access_key") if not found[name]]
        if missing:
            raise CredentialsUnusable(
                f"{self._path}: {' and '.join(missing)} missing under [default]; write them there"
            )
        return {
            "access_key_id": found["access_key_id"],
            "secret_access_key": found["secret_access_key"],
            "token": found["session_token"],
            "expires_at": datetime.now(UTC) + KEPT_FOR,
        }

    def _section(self) -> configparser.SectionProxy:
        parser = configparser.ConfigParser(interpolation=None)
        try:
            parser.read_string(self._path.read_text(encoding="utf-8"))
            return parser["default"]
        except OSError as e:
            raise CredentialsUnusable(f"{self._path}: {e.strerror}; mount the Secret there") from e
        except (configparser.Error, KeyError, ValueError):
            told = "not an AWS credentials file with a section [default]; write it as `aws configure` does"
            raise CredentialsUnusable(f"{self._path}: {told}") from None  # the cause quotes the line
