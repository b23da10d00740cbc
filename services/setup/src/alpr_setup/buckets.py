"""The bucket of evidence images, how long it keeps them, and who may do what in it. MinIO's own API makes the users."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import urllib3
from minio import Minio
from minio.commonconfig import ENABLED, Filter
from minio.credentials.providers import StaticProvider
from minio.error import MinioAdminException, MinioException, S3Error
from minio.lifecycleconfig import Expiration, LifecycleConfig, Rule
from minio.minioadmin import MinioAdmin

from alpr_images.credentials import FileCredentials
from alpr_images.errors import CredentialsUnusable
from alpr_setup.errors import SetupError

_ACTIONS: Final = {"writer": ["s3:GetObject", "s3:PutObject"], "reader": ["s3:GetObject"]}


@dataclass(frozen=True, slots=True)
class Grant:
    """A user of the bucket.

    Attributes:
        access_key, secret_key: as whom.
        role: writer (agents: put and get), reader (API and reconciler: get and list).
        prefix: the one folder that the user reaches; empty for all of the bucket.
        models: another bucket, of which the user may read every object; empty for none.
    """

    access_key: str
    secret_key: str
    role: str
    prefix: str = ""
    models: str = ""


class ObjectStore:
    """An S3 server, as its administrator.

    Args:
        endpoint: as https://objectstore:9000.
        ca_file: who signed its certificate; None for the system's list.
    """

    def __init__(self, endpoint: str, access_key: str, secret_key: str, ca_file: Path | None, region: str) -> None:
        place, told = _place_of(endpoint, ca_file, region)
        self._client = Minio(place, access_key=access_key, secret_key=secret_key, **told)
        self._admin = MinioAdmin(endpoint=place, credentials=StaticProvider(access_key, secret_key), **told)

    def ensure_bucket(self, bucket: str, keep_days: Mapping[str, int]) -> list[str]:
        """Have `bucket`, in which pictures below a prefix ("" for all) end after so many days. What was done."""
        done = []
        try:
            if not self._client.bucket_exists(bucket):
                self._client.make_bucket(bucket)
                done.append(f"bucket {bucket}: made")
            if keep_days:
                self._client.set_bucket_lifecycle(bucket, _lifecycle(keep_days))
        except (MinioException, urllib3.exceptions.HTTPError, ValueError) as e:
            raise SetupError(f"bucket {bucket}: {_reason(e)}") from e
        return done

    def ensure_user(self, bucket: str, grant: Grant) -> str:
        """Have the user, with these rights and no others. What was done."""
        policy = f"alpr-{grant.access_key}"
        try:
            self._admin.user_add(grant.access_key, grant.secret_key)
            self._admin.policy_add(policy, policy=policy_of(bucket, grant))
            self._admin.policy_set(policy, user=grant.access_key)
        except MinioAdminException as e:
            if "already in effect" not in str(e):
                raise SetupError(f"user {grant.access_key}: {_reason(e)}") from e
        except urllib3.exceptions.HTTPError as e:
            raise SetupError(f"user {grant.access_key}: {_reason(e)}") from e
        return f"user {grant.access_key}: {grant.role} of {bucket}/{grant.prefix}"

    def ensure_files(self, bucket: str, files: Sequence[Path]) -> Iterator[str]:
        """Have `files` in `bucket`, each under its name; what is there in the same size stays. Says what it did."""
        for path in files:
            try:
                size = self._size(bucket, path.name)
                if size == path.stat().st_size:
                    yield f"{bucket}/{path.name}: there"
                    continue
                self._client.fput_object(bucket, path.name, str(path))
            except (MinioException, urllib3.exceptions.HTTPError, OSError) as e:
                raise SetupError(f"{bucket}/{path.name}: {_reason(e)}") from e
            yield f"{bucket}/{path.name}: put"

    def _size(self, bucket: str, name: str) -> int | None:
        try:
            return self._client.stat_object(bucket, name).size
        except S3Error as e:
            if e.code in {"NoSuchKey", "NoSuchObject"}:
                return None
            raise


def client_of(endpoint: str, secret: Path, ca_file: Path | None, region: str) -> Minio:
    """A client of an S3 server, as the user of the Secret that is mounted at `secret`.

    It has access-key and secret-key, as the chart makes it, or AWS's file `credentials` alone, as one brings it for a
    store of one's own. Raises SetupError for an address or a Secret that is none.
    """
    place, told = _place_of(endpoint, ca_file, region)
    if (secret / "access-key").exists() or not (secret / "credentials").exists():
        access_key, secret_key = pair_in(secret)
        return Minio(place, access_key=access_key, secret_key=secret_key, **told)
    try:
        found = FileCredentials(secret / "credentials")()
    except CredentialsUnusable as e:
        raise SetupError(str(e)) from e
    keys = {"access_key": found["access_key_id"], "secret_key": found["secret_access_key"]}
    return Minio(place, **keys, session_token=found["token"], **told)


def pair_in(folder: Path) -> tuple[str, str]:
    """Access key and secret key of a Secret that is mounted at `folder`. Raises SetupError."""
    try:
        return (folder / "access-key").read_text().strip(), (folder / "secret-key").read_text().strip()
    except OSError as e:
        raise SetupError(f"{folder}: a Secret with access-key and secret-key is to be mounted there") from e


def _place_of(endpoint: str, ca_file: Path | None, region: str) -> tuple[str, dict[str, Any]]:
    parts = urlsplit(endpoint)
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        raise SetupError(f"--endpoint {endpoint}: write it as https://host:9000")
    pool = urllib3.PoolManager(
        timeout=urllib3.Timeout(connect=5, read=30), retries=False, ca_certs=str(ca_file) if ca_file else None
    )
    return parts.netloc, {"secure": parts.scheme == "https", "region": region, "http_client": pool}


def policy_of(bucket: str, grant: Grant) -> dict[str, Any]:
    """IAM's document for a user. Pure. Raises SetupError for a role that is none."""
    if grant.role not in _ACTIONS:
        raise SetupError(f"role {grant.role}: write one of {', '.join(sorted(_ACTIONS))}")
    within = f"{bucket}/{grant.prefix}*"
    statements: list[dict[str, Any]] = [
        {"Effect": "Allow", "Action": _ACTIONS[grant.role], "Resource": [f"arn:aws:s3:::{within}"]}
    ]
    if grant.role == "reader":
        lists = {"Effect": "Allow", "Action": ["s3:ListBucket"], "Resource": [f"arn:aws:s3:::{bucket}"]}
        within_prefix = {"Condition": {"StringLike": {"s3:prefix": [f"{grant.prefix}*"]}}} if grant.prefix else {}
        statements.append({**lists, **within_prefix})
    if grant.models:
        weights = [f"arn:aws:s3:::{grant.models}/*"]
        statements.append({"Effect": "Allow", "Action": _ACTIONS["reader"], "Resource": weights})
    return {"Version": "2012-10-17", "Statement": statements}


def _lifecycle(keep_days: Mapping[str, int]) -> LifecycleConfig:
    rules = [
        Rule(ENABLED, rule_filter=Filter(prefix=prefix), rule_id=f"alpr-{number}", expiration=Expiration(days=days))
        for number, (prefix, days) in enumerate(sorted(keep_days.items()))
    ]
    return LifecycleConfig(rules)


def _reason(error: Exception) -> str:
    """What went wrong, without addresses that hold credentials."""
    code = getattr(error, "code", None)
    if isinstance(error, MinioAdminException):
        try:
            return str(json.loads(error._body).get("Code", "refused"))  # noqa: SLF001 - the answer is nowhere else
        except (ValueError, AttributeError):
            return "refused"
    if code in {"AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch"}:
        return f"{code}; is --admin the server's own administrator?"
    return str(code) if code else f"no answer ({type(error).__name__}); is the endpoint right, and is it up?"
