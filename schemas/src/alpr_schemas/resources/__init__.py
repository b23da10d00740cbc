"""The four kinds of `ovr-alpr.io/v1alpha1`: people write AlprSite and Camera, machines EdgeAssignment and EdgeReport.

Models ignore fields they do not know, so that an older program survives a newer field; who reads a person's file
checks for misspelt fields on its own (`alpr_schemas.manifests`). Names follow Kubernetes: camelCase on the wire,
snake_case here.
"""

from __future__ import annotations

from alpr_schemas.resources.camera import (
    Analytics,
    Camera,
    CameraSpec,
    CameraStatus,
    Placement,
    Protocol,
    SecretRef,
    SiteRef,
    Source,
    Stream,
    Zone,
)
from alpr_schemas.resources.edge import (
    AssignedCamera,
    AssignedModels,
    AssignmentSpec,
    CameraConfig,
    CameraState,
    Capacity,
    EdgeAssignment,
    EdgeReport,
    ReportedCamera,
    ReportStatus,
)
from alpr_schemas.resources.meta import API_VERSION, GROUP, VERSION, Condition, Metadata, Model, Name
from alpr_schemas.resources.site import AlprSite, ModelRef, SiteModels, SiteSpec, SiteStatus

Resource = AlprSite | Camera | EdgeAssignment | EdgeReport
KINDS: dict[str, type[AlprSite | Camera | EdgeAssignment | EdgeReport]] = {
    "AlprSite": AlprSite,
    "Camera": Camera,
    "EdgeAssignment": EdgeAssignment,
    "EdgeReport": EdgeReport,
}

__all__ = [
    "API_VERSION",
    "GROUP",
    "KINDS",
    "VERSION",
    "AlprSite",
    "Analytics",
    "AssignedCamera",
    "AssignedModels",
    "AssignmentSpec",
    "Camera",
    "CameraConfig",
    "CameraSpec",
    "CameraState",
    "CameraStatus",
    "Capacity",
    "Condition",
    "EdgeAssignment",
    "EdgeReport",
    "Metadata",
    "Model",
    "ModelRef",
    "Name",
    "Placement",
    "Protocol",
    "ReportStatus",
    "ReportedCamera",
    "Resource",
    "SecretRef",
    "SiteModels",
    "SiteRef",
    "SiteSpec",
    "SiteStatus",
    "Source",
    "Stream",
    "Zone",
]
