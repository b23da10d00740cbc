"""Which Secrets a central tier needs: the chart writes it as YAML, `alpr-setup secrets` makes it true."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from alpr_setup.errors import SetupError

Name = Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$")]
UserName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,62}$")]
HostName = Annotated[str, Field(pattern=r"^[A-Za-z0-9*]([A-Za-z0-9.:-]{0,251}[A-Za-z0-9])?$")]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Password(_Model):
    """A user and a random password: keys `username` and `password`."""

    kind: Literal["password"]
    username: UserName


class Database(_Model):
    """The same, and `dsn` for a PostgreSQL database.

    Attributes:
        options: what stands behind the address's question mark, as in sslmode=verify-full.
    """

    kind: Literal["database"]
    username: UserName
    host: HostName
    port: Annotated[int, Field(ge=1, le=65535)] = 5432
    database: UserName
    options: Annotated[str, Field(pattern=r"^[A-Za-z0-9_=&%./-]*$")] = ""


class ObjectStore(_Model):
    """A user of an object store: keys `access-key`, `secret-key`, and `credentials` as AWS's own tools read them."""

    kind: Literal["objectStore"]
    username: UserName


class ApiKey(_Model):
    """The first key of the Query API: `key`."""

    kind: Literal["apiKey"]


class Certificate(_Model):
    """A server's certificate, signed by our own authority: `tls.crt`, `tls.key`, `ca.crt`."""

    kind: Literal["certificate"]
    hosts: Annotated[tuple[HostName, ...], Field(min_length=1)]


class Authority(_Model):
    """Who signs: `tls.crt` and `tls.key` in this Secret; everybody mounts `public`, a Secret of `ca.crt` alone."""

    kind: Literal["authority"]
    public: Name


Wanted = Annotated[Password | Database | ObjectStore | ApiKey | Certificate | Authority, Field(discriminator="kind")]


class Plan(_Model):
    """Secrets by name. There is one authority at most, and one where there are certificates."""

    secrets: dict[Name, Wanted]

    def authority(self) -> tuple[str, Authority] | None:
        """The name of the authority's Secret, and what is told of it."""
        found = [(name, one) for name, one in self.secrets.items() if isinstance(one, Authority)]
        return found[0] if found else None


def read_plan(path: Path) -> Plan:
    """The plan at `path`. Raises SetupError that names the field."""
    try:
        plan = Plan.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, yaml.YAMLError) as e:
        raise SetupError(f"{path} cannot be read as YAML ({type(e).__name__})") from e
    except ValidationError as e:
        told = "; ".join(
            f"{'.'.join(map(str, error['loc']))}: {error['msg']}" for error in e.errors(include_input=False)
        )
        raise SetupError(f"{path}: {told}") from None
    signers = sum(isinstance(one, Authority) for one in plan.secrets.values())
    if signers > 1 or (not signers and any(isinstance(one, Certificate) for one in plan.secrets.values())):
        raise SetupError(f"{path}: certificates want one secret of kind authority, and there is room for one only")
    return plan
