"""What stands in the Secrets of a plan: made once, never changed, certificates apart, which are renewed."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import assert_never

from alpr_setup import certificates
from alpr_setup.certificates import Signed
from alpr_setup.errors import SetupError
from alpr_setup.plan import ApiKey, Authority, Certificate, Database, ObjectStore, Password, Plan, Wanted

Data = Mapping[str, bytes]


def keys_of(wanted: Wanted) -> frozenset[str]:
    """What a Secret of this kind must hold, whoever made it."""
    match wanted:
        case Password():
            return frozenset({"username", "password"})
        case Database():
            return frozenset({"username", "password", "dsn"})
        case ObjectStore():
            return frozenset({"access-key", "secret-key", "credentials"})
        case ApiKey():
            return frozenset({"key"})
        case Certificate():
            return frozenset({"tls.crt", "tls.key", "ca.crt"})
        case Authority():
            return frozenset({"tls.crt", "tls.key"})
        case _:
            assert_never(wanted)


def missing_contents(plan: Plan, found: Mapping[str, Data], now: datetime) -> dict[str, Data]:
    """What is to be written for `plan`, given the Secrets that exist, by name.

    Raises SetupError where one that exists, and may be somebody else's, lacks a key.
    """
    for name, wanted in plan.secrets.items():
        lacks = sorted(keys_of(wanted) - set(found.get(name, keys_of(wanted))))
        if lacks:
            raise SetupError(f"Secret {name} lacks {', '.join(lacks)}; add it, or delete the Secret to have it made")
    made = {
        name: _random(wanted)
        for name, wanted in plan.secrets.items()
        if name not in found and not isinstance(wanted, Certificate | Authority)
    }
    return made | _signed(plan, found, now)


def _random(wanted: Password | Database | ObjectStore | ApiKey) -> Data:
    word = secrets.token_urlsafe(32)
    match wanted:
        case ApiKey():
            told = {"key": f"alpr_{word}"}
        case ObjectStore(username=user):
            lines = ("[default]", f"aws_access_key_id = {user}", f"aws_secret_access_key = {word}", "")
            told = {"access-key": user, "secret-key": word, "credentials": "\n".join(lines)}
        case Database(username=user):
            address = f"postgresql://{user}:{word}@{wanted.host}:{wanted.port}/{wanted.database}"
            told = {
                "username": user,
                "password": word,
                "dsn": f"{address}?{wanted.options}" if wanted.options else address,
            }
        case Password(username=user):
            told = {"username": user, "password": word}
        case _:
            assert_never(wanted)
    return {key: value.encode() for key, value in told.items()}


def _signed(plan: Plan, found: Mapping[str, Data], now: datetime) -> dict[str, Data]:
    told = plan.authority()
    if told is None:
        return {}
    name, authority = told
    made: dict[str, Data] = {}
    if name in found:
        signer = Signed(found[name]["tls.crt"], found[name]["tls.key"])
    else:
        signer = certificates.new_authority(now)
        made[name] = {"tls.crt": signer.certificate, "tls.key": signer.key}
    if found.get(authority.public, {}).get("ca.crt") != signer.certificate:
        made[authority.public] = {"ca.crt": signer.certificate}
    for server, wanted in plan.secrets.items():
        if not isinstance(wanted, Certificate):
            continue
        kept = found.get(server, {}).get("tls.crt", b"")
        if not certificates.still_good(kept, signer.certificate, wanted.hosts, now):
            fresh = certificates.new_certificate(signer, wanted.hosts, now)
            made[server] = {"tls.crt": fresh.certificate, "tls.key": fresh.key, "ca.crt": signer.certificate}
    return made
