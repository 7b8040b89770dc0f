"""Settings: defaults here, `doumen.toml` over them, `DOUMEN_...` in the environment over both."""

import os
import tomllib
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from doumen.errors import ConfigError


class ScreeningSettings(BaseModel):
    """Every threshold of the screening rule, with its unit in the name."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Settings(BaseSettings):
    """All settings of a host."""

    model_config = SettingsConfigDict(env_prefix="DOUMEN_", env_nested_delimiter="__", extra="forbid")

    database: str = Field(default="sqlite:///doumen.db", description="SQLAlchemy URL of the database")
    screening: ScreeningSettings = ScreeningSettings()
