"""All the agent of a Kubernetes node can be told: read once in `main`, then handed down."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AliasChoices, Field, NonNegativeFloat, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from alpr_images.addresses import bare_address
from alpr_schemas.resources import Name
from alpr_schemas.resources.meta import NodeName, Share


class NodeSettings(BaseSettings):
    """The settings; command line over environment over defaults.

    Attributes:
        node_name: of the Kubernetes node, from NODE_NAME (the downward API's spec.nodeName).
        namespace: of the site, from POD_NAMESPACE.
        data: the node's folder, see `alpr_edge_agent.folder`; kept over restarts and updates.
        kubeconfig: how to reach the API server from outside of a pod; left out, the pod's ServiceAccount.
        model_bytes: a model that is larger is not fetched.
        self_test_score: models that read a smaller share of the trial's plates are not run.
        pipeline_cores: processor cores that the pipeline may use; left out, all of the node's.
        withdraw_after_s: so long after its assignment was deleted the node lets its cameras go.
        kafka: the brokers, from KAFKA_BOOTSTRAP_SERVERS; without them events wait in the outbox.
        images_url: where evidence goes, as s3://bucket or file:///folder; without it pictures wait in the spool. It
            holds no password: that is in `images_credentials_file`.
        images_endpoint: of an object store that is not Amazon's, as https://store.example:9000.
        images_region: of Amazon's bucket.
        images_credentials_file: a mounted Secret in the form of AWS's credentials file, best one that may only put and
            get under the site's name; left out, what AWS's own variables and services say.
        images_bytes_per_s: pictures take no more of the uplink than that; left out, as much as there is.
        metrics_port: 0 serves none.
    """

    model_config = SettingsConfigDict(
        env_prefix="ALPR_AGENT_", extra="ignore", frozen=True, populate_by_name=True, protected_namespaces=(),
        hide_input_in_errors=True,
    )  # fmt: skip

    node_name: NodeName = Field(validation_alias=AliasChoices("node_name", "NODE_NAME"))
    namespace: Name = Field(validation_alias=AliasChoices("namespace", "POD_NAMESPACE"))
    data: Path = Path("/var/lib/alpr")
    kubeconfig: Path | None = None
    model_bytes: Annotated[int, Field(ge=1)] = 500_000_000
    self_test_score: Share = 0.7
    pipeline_cores: Annotated[float, Field(gt=0)] | None = None
    withdraw_after_s: NonNegativeFloat = 30.0
    kafka: str | None = Field(None, validation_alias=AliasChoices("kafka", "KAFKA_BOOTSTRAP_SERVERS"))
    images_url: str | None = None
    images_endpoint: str | None = None
    images_region: str = "us-east-1"
    images_credentials_file: Path | None = None
    images_bytes_per_s: Annotated[int, Field(ge=1)] | None = None
    metrics_port: Annotated[int, Field(ge=0, le=65535)] = 0
    metrics_host: str = "127.0.0.1"

    _bare = field_validator("images_url", "images_endpoint")(bare_address)
