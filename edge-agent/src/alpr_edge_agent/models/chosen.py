"""Which models the pipeline shall run: the agent writes the choice, the pipeline follows it without losing a stream.

Files lie content-addressed in the node's `models` folder; `chosen.json` names them. A role that is left out runs what
the settings say.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import structlog
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from alpr_edge_agent.durable import write_durably
from alpr_edge_agent.pipeline.settings import PipelineSettings
from alpr_schemas.resources.meta import Digest

CHOICE = "chosen.json"
log = structlog.get_logger(__name__)


class ChosenModel(BaseModel):
    """A model on this node's disk; `file` is its name in the models' folder."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    name: str
    digest: Digest
    file: Annotated[str, Field(pattern="^[A-Za-z0-9][A-Za-z0-9.-]*$")]


class ChosenModels(BaseModel):
    """The choice, and the one before it, which is what runs where the newer one cannot be opened."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    detector: ChosenModel | None = None
    reader: ChosenModel | None = None
    previous_detector: ChosenModel | None = None
    previous_reader: ChosenModel | None = None

    @property
    def pair(self) -> ChosenModels:
        """The choice alone."""
        return ChosenModels(detector=self.detector, reader=self.reader)

    @property
    def previous(self) -> ChosenModels:
        """The choice before this one."""
        return ChosenModels(detector=self.previous_detector, reader=self.previous_reader)

    def followed_by(self, pair: ChosenModels) -> ChosenModels:
        """`pair` as the choice, and this one as the one before."""
        if pair.pair == self.pair:
            return self
        return ChosenModels(
            detector=pair.detector, reader=pair.reader, previous_detector=self.detector, previous_reader=self.reader
        )


def read_chosen(folder: Path) -> ChosenModels:
    """The choice in the models' `folder`; an empty one where there is none that can be read."""
    try:
        return ChosenModels.model_validate_json((folder / CHOICE).read_bytes())
    except FileNotFoundError:
        return ChosenModels()
    except (OSError, ValidationError):
        log.warning("model_choice_unreadable", file=CHOICE)
        return ChosenModels()


def write_chosen(folder: Path, chosen: ChosenModels) -> None:
    """Make `chosen` the choice, durably. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    write_durably(folder / CHOICE, chosen.model_dump_json(exclude_none=True).encode())


def with_models(settings: PipelineSettings, chosen: ChosenModels) -> PipelineSettings:
    """`settings` with the chosen models in place of their own."""
    folder = settings.data / "models"
    updates = {
        role: getattr(settings, role).model_copy(update={"model": str(folder / model.file)})
        for role, model in (("detector", chosen.detector), ("recognizer", chosen.reader))
        if model is not None
    }
    return settings.model_copy(update=updates)
