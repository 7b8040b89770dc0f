"""Settings: defaults here, `doumen.toml` over them, `DOUMEN_...` in the environment over both.

A nested setting is a table in the file (`[screening]`, `[screening.reference]`) and two underscores in the
environment (`DOUMEN_SCREENING__ELEVATED_FROM_C=0.9`).
"""

import tomllib
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from doumen.errors import ConfigError

DEFAULT_FILE = Path("doumen.toml")


class ReferenceSettings(BaseModel):
    """The black body in view: where it is, how warm, and when it counts as lost."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    row: int = Field(default=2, ge=0, le=23, description="top pixel row that the source fills completely")
    column: int = Field(
        default=2, ge=0, le=31, description="left pixel column that the source fills completely"
    )
    size_px: int = Field(default=3, ge=1, le=8, description="height and width of that square, pixels")
    temperature_c: float = Field(
        default=36.5, ge=30, le=42, description="temperature of the source, °C; best 36-37 (FDA 2023)"
    )
    uncertainty_c: float = Field(
        default=0.3,
        gt=0,
        le=1,
        description="expanded uncertainty (k = 2) of the source, K (IEC 80601-2-59: < 0.3)",
    )
    tolerance_c: float = Field(
        default=3.0,
        gt=0,
        le=10,
        description="further than this from its temperature, K, it is not the source",
    )
    averaged_over_ms: int = Field(
        default=10_000,
        ge=500,
        le=120_000,
        description="time constant of its running mean, ms; corners are noisy",
    )
    lost_after_ms: int = Field(
        default=1_000, ge=200, le=10_000, description="unseen for longer than this, ms, it is lost: no pass"
    )

    @model_validator(mode="after")
    def _in_view(self) -> Self:
        if self.row + self.size_px > 24 or self.column + self.size_px > 32:
            raise ValueError("row and column plus size_px must stay inside 24 rows and 32 columns")
        return self


class ScreeningSettings(BaseModel):
    """Every threshold of the screening rule, with its unit in the name."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    reference: ReferenceSettings | None = Field(
        default=None, description="the black body in view; without one the gate works as DEGRADED"
    )

    # Finding people
    bootstrap_ms: int = Field(
        default=2_000, ge=500, le=60_000, description="empty-scene time before the first passage, ms"
    )
    foreground_over_c: float = Field(
        default=2.0, ge=0.5, le=10, description="a pixel this much over its background, K, is warm"
    )
    foreground_noises: float = Field(
        default=4.0, ge=2, le=10, description="and at least this many standard deviations of its own noise"
    )
    background_slew_c_s: float = Field(
        default=0.3, gt=0, le=5, description="how fast the background follows where nobody is, K/s"
    )
    static_after_ms: int = Field(
        default=30_000, ge=5_000, le=600_000, description="warm and still for this long, ms, is furniture"
    )
    person_area_px: int = Field(
        default=20, ge=6, le=300, description="smallest warm blob that may be a person"
    )
    person_from_c: float = Field(
        default=30.0, ge=20, le=36, description="a face shows at least this, °C (gates complain of 32-34)"
    )
    person_to_c: float = Field(
        default=43.0, ge=39, le=60, description="nothing hotter than this is a face, °C"
    )
    track_lost_ms: int = Field(
        default=400, ge=100, le=3_000, description="a head unseen for longer has gone, ms; the passage ends"
    )

    # Measuring
    head_from_px: float = Field(
        default=6.0,
        ge=3,
        le=20,
        description="narrowest head that is measured, pixels (0.8 m with the 55° part)",
    )
    head_to_px: float = Field(
        default=14.0,
        ge=5,
        le=30,
        description="widest head that is measured, pixels (0.35 m with the 55° part)",
    )
    motion_px: float = Field(
        default=2.0,
        gt=0,
        le=5,
        description="a head that moved further since the last full frame is blurred, pixels",
    )
    frames_from: int = Field(default=3, ge=1, le=8, description="fewest full frames for a reading")
    frames_to: int = Field(default=8, ge=1, le=32, description="full frames after which a reading is taken")
    decide_after_ms: int = Field(
        default=500, ge=100, le=1_000, description="with enough frames, decide this long after the first, ms"
    )
    pixel_noise_c: float = Field(
        default=0.30, gt=0, le=2, description="noise of a central pixel, SD, K (0.29 measured at 16 Hz)"
    )
    common_mode_c: float = Field(
        default=0.13, ge=0, le=1, description="noise that all pixels share, SD, K (0.13 measured)"
    )

    # Deciding
    baseline_window: int = Field(default=50, ge=10, le=500, description="readings that make the baseline")
    baseline_from: int = Field(default=10, ge=5, le=50, description="fewer readings than this is LEARNING")
    elevated_from_c: float = Field(
        default=1.0,
        ge=0.1,
        le=5,
        description="elevation over the baseline that is ELEVATED, K (99 % of healthy eye discs stay below)",
    )
    undecided_from_c: float = Field(
        default=0.6,
        ge=0.0,
        le=5,
        description="elevation from which to look again, K (96 % of eye discs at oral >= 38 °C lie above)",
    )
    someone_else_c: float = Field(
        default=0.6,
        ge=0.2,
        le=3,
        description="a later reading that differs by more, K, is another person's (5 SD of a repeat)",
    )
    cold_below_c: float = Field(
        default=-1.6, ge=-10, le=-0.5, description="elevation below which it is no face or a cold one, K"
    )

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.undecided_from_c > self.elevated_from_c:
            raise ValueError("undecided_from_c must not exceed elevated_from_c")
        if self.frames_from > self.frames_to:
            raise ValueError("frames_from must not exceed frames_to")
        if self.head_from_px >= self.head_to_px:
            raise ValueError("head_from_px must be below head_to_px")
        if self.baseline_from > self.baseline_window:
            raise ValueError("baseline_from must not exceed baseline_window")
        return self


class GateSettings(BaseModel):
    """How a gate's sensor is read and how long its lights show a verdict."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    emissivity: float = Field(default=0.98, ge=0.5, le=1, description="of what is looked at; human skin 0.98")
    warm_up_s: int = Field(
        default=240,
        ge=0,
        le=7200,
        description="after power-on, s, during which nobody passes (datasheet §12.2.2)",
    )
    hold_ms: int = Field(default=3_000, ge=500, le=30_000, description="how long a verdict is shown, ms")


class Settings(BaseSettings):
    """All settings of a host."""

    model_config = SettingsConfigDict(env_prefix="DOUMEN_", env_nested_delimiter="__", extra="forbid")

    database: str = Field(default="sqlite:///doumen.db", description="SQLAlchemy URL of the database")
    gate: GateSettings = Field(default=GateSettings(), description="the gates")
    screening: ScreeningSettings = Field(default=ScreeningSettings(), description="the screening rule")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)


def load_settings(path: Path | None = None) -> Settings:
    """Settings from the environment, then the file, then the defaults.

    path: a TOML file that must exist; None: `doumen.toml` in the working directory if there is one.
    Raises ConfigError, one line: which setting, what is wrong with it, what it accepts.
    """
    if path is not None and not path.is_file():
        raise ConfigError(f"{path}: no such file; give the path of a TOML file or leave it out")
    file = DEFAULT_FILE if path is None else path

    class FromFile(Settings):
        model_config = SettingsConfigDict(toml_file=file)

    try:
        loaded = FromFile()
    except ValidationError as error:
        raise ConfigError(_in_one_line(error)) from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{file}: not valid TOML: {error}") from error
    except (SettingsError, UnicodeDecodeError, OSError) as error:
        raise ConfigError(f"settings cannot be read: {error}; see {file} and DOUMEN_... variables") from error
    return Settings.model_construct(database=loaded.database, gate=loaded.gate, screening=loaded.screening)


def _in_one_line(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    name = ".".join(str(part) for part in first["loc"]) or "settings"
    description, names = _lookup(tuple(str(part) for part in first["loc"]))
    if first["type"] == "extra_forbidden":
        return f"{name}: unknown setting; known here: {', '.join(names)}"
    more = f" ({error.error_count() - 1} more)" if error.error_count() > 1 else ""
    given = first["input"]
    got = "" if isinstance(given, (dict, BaseModel)) else f", got {given!r}"
    accepts = f"; {description}" if description else ""
    return f"{name}: {first['msg']}{got}{accepts}{more}".replace("\n", " ")


def _lookup(location: tuple[str, ...]) -> tuple[str, list[str]]:
    """Description of the setting at `location`, and the names that its table knows."""
    model: type[BaseModel] = Settings
    tables = {"gate": GateSettings, "screening": ScreeningSettings, "reference": ReferenceSettings}
    for part in location[:-1]:
        model = tables.get(part, model)
    name = location[-1] if location else ""
    known = model.model_fields
    return (known[name].description or "") if name in known else "", sorted(known)
