"""The settings' shape: what every option is called and which values it takes. Defaults stand in config/default.toml only."""

from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

Seconds = Annotated[float, Field(gt=0, le=86_400)]
Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=False)


class Database(_Section):
    url: SecretStr
    echo: bool


class Broker(_Section):
    url: SecretStr
    task_time_limit_seconds: Annotated[int, Field(ge=10)]


class Schedule(_Section):
    sync_seconds: Seconds
    scan_seconds: Seconds
    compose_seconds: Seconds
    dispatch_seconds: Seconds


class Rules(_Section):
    default_timeframe_days: Annotated[int, Field(ge=1, le=3650)]
    cooldown_hours: Annotated[float, Field(ge=0, le=8760)]
    further_drop_percent: Annotated[float, Field(ge=0, lt=100)]
    first_import: Literal["quiet", "notify"]
    clock_skew_seconds: Annotated[float, Field(ge=0, le=86_400)]


class Sender(_Section):
    from_address: str
    from_name: str
    reply_to: str
    list_id: str
    unsubscribe_mailto: str
    redirect_all_to: str
    default_language: Annotated[str, Field(pattern=r"^[a-z]{2,3}(_[A-Z]{2})?$")]
    template_dir: str
    digest_wait_seconds: Annotated[float, Field(ge=0, le=86_400)]
    digest_max_items: Annotated[int, Field(ge=1, le=500)]


class Smtp(_Section):
    host: str
    port: Annotated[int, Field(ge=1, le=65_535)]
    tls: Literal["none", "starttls", "tls"]
    ca_file: str
    username: str
    password: SecretStr
    connections: Annotated[int, Field(ge=1, le=64)]
    timeout_seconds: Seconds
    data_timeout_seconds: Seconds
    lease_seconds: Seconds
    ambiguous: Literal["resend", "hold"]


class Logs(_Section):
    level: Literal["debug", "info", "warning", "error"]
    format: Literal["auto", "console", "json"]


class Account(_Section):
    """One customer whose relations are read through the customer-facing API: either a bearer token or a cookie header."""

    token: SecretStr | None = None
    cookie: SecretStr | None = None


class Shop(_Section):
    """One shop connection, `[sources.NAME]`."""

    url: str
    interface: Literal["jsonapi"] = "jsonapi"
    currency: Currency
    timezone: str = "UTC"
    language: Annotated[str, Field(pattern=r"^[a-z]{2,3}(_[A-Z]{2})?$")] = "en"
    product_url: str = ""
    media_url: str = ""
    account_url: str = ""
    stock_types: tuple[str, ...] = ()
    max_staleness_minutes: Annotated[float, Field(gt=0)] = 120
    timeout_seconds: Seconds = 30
    page_size: Annotated[int, Field(ge=1, le=1000)] = 100
    customers: dict[str, Account] = {}

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        ZoneInfo(value)
        return value


class Settings(_Section):
    """Everything an operator can set."""

    data_dir: str
    hash_key: SecretStr
    database: Database
    broker: Broker
    schedule: Schedule
    rules: Rules
    mail: Sender
    smtp: Smtp
    logs: Logs
    sources: dict[Annotated[str, Field(pattern=r"^[a-z0-9_]{1,32}$")], Shop]
