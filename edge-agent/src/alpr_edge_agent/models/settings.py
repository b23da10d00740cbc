"""Where models are kept."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class ModelSettings(BaseSettings):
    """Where converted models are kept; `ALPR_MODELS_DIR` moves it."""

    model_config = SettingsConfigDict(env_prefix="ALPR_", extra="ignore", frozen=True)
    models_dir: Path = Field(default_factory=lambda: Path.home() / ".cache" / "alpr" / "models")


def default_models_dir() -> Path:
    """The folder that models are kept in where nothing else is said."""
    return ModelSettings().models_dir
