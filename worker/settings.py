"""The settings' shape: what every option is called and which values it takes.

The defaults of the global sections stand in config/default.toml only; worker/configuration puts the layers together.
"""

from ipaddress import ip_address
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationInfo, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from worker.settings_urls import BrokerUrl, DatabaseUrl, LinkPattern, OptionalUrl, ShopUrl, is_postgresql, same_origin
from worker.settings_values import (
    Address,
    CertificateFile,
    Currency,
    CustomerName,
    Folder,
    HashKey,
    HeaderSecret,
    HeaderText,
    Host,
    Language,
    ListId,
    Names,
    Password,
    Seconds,
    SourceName,
    ZoneName,
)


class _Section(BaseModel):
    # Strict: a TOML file has types, so `port = "25"` or `connections = true` is a mistake. Variables were converted.
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False, hide_input_in_errors=True)


class Database(_Section):
    """`[database]`: where everything is kept."""

    url: DatabaseUrl
    echo: bool


class Broker(_Section):
    """`[broker]`: what wakes the tasks up."""

    url: BrokerUrl
    timeout_seconds: Seconds
    task_time_limit_seconds: Annotated[int, Field(ge=10)]
    shutdown_seconds: Seconds


class Schedule(_Section):
    """`[schedule]`: how often each stage runs."""

    sync_seconds: Seconds
    scan_seconds: Seconds
    compose_seconds: Seconds
    dispatch_seconds: Seconds
    tidy_seconds: Seconds


class Rules(_Section):
    """`[rules]`: when a watch fires."""

    default_timeframe_days: Annotated[int, Field(ge=1, le=3650)]
    cooldown_hours: Annotated[float, Field(ge=0, le=8760)]
    further_drop_percent: Annotated[float, Field(ge=0, lt=100)]
    first_import: Literal["quiet", "notify"]
    clock_skew_seconds: Annotated[float, Field(ge=0, le=86_400)]


class Sender(_Section):
    """`[mail]`: who writes, in which language, how much in one mail."""

    from_address: Address
    from_name: HeaderText
    reply_to: Address
    list_id: ListId
    unsubscribe_mailto: Address
    redirect_all_to: Address
    default_language: Language
    template_dir: Folder
    digest_wait_seconds: Annotated[float, Field(ge=0, le=86_400)]
    digest_max_items: Annotated[int, Field(ge=1, le=500)]


class Smtp(_Section):
    """`[smtp]`: the relay. Fields that others are checked against stand first."""

    host: Host
    port: Annotated[int, Field(ge=1, le=65_535)]
    username: str
    password: SecretStr
    tls: Literal["none", "starttls", "tls"]
    ca_file: CertificateFile
    connections: Annotated[int, Field(ge=1, le=64)]
    timeout_seconds: Seconds
    data_timeout_seconds: Seconds
    lease_seconds: Seconds
    ambiguous: Literal["resend", "hold"]

    @field_validator("password")
    @classmethod
    def _belongs_to_a_username(cls, value: SecretStr, info: ValidationInfo) -> SecretStr:
        username = info.data.get("username")
        if username is not None and bool(username) != bool(value.get_secret_value()):
            raise ValueError("username and password go together; set both, or neither for a relay without login")
        return value

    @field_validator("tls")
    @classmethod
    def _hides_the_password(cls, value: str, info: ValidationInfo) -> str:
        if value == "none" and info.data.get("username") and not _is_loopback(info.data.get("host", "")):
            raise ValueError('"none" would send the password in clear text; use "starttls" or "tls"')
        return value

    @field_validator("lease_seconds")
    @classmethod
    def _outlives_the_time_outs(cls, value: float, info: ValidationInfo) -> float:
        least = info.data.get("timeout_seconds", 0) + info.data.get("data_timeout_seconds", 0)
        if value <= least:
            raise ValueError(
                f"must be longer than timeout_seconds + data_timeout_seconds ({least:g}), or a mail still on its way "
                "would be taken for lost; raise it or shorten the time-outs"
            )
        return value


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Retention(_Section):
    """`[retention]`: how long what is not needed any more is kept."""

    observation_days: Annotated[int, Field(ge=30)]
    mail_days: Annotated[int, Field(ge=7)]
    run_days: Annotated[int, Field(ge=1)]


class Logs(_Section):
    """`[logs]`: what is written to standard error, and how."""

    level: Literal["debug", "info", "warning", "error"]
    format: Literal["auto", "console", "json"]


class Account(_Section):
    """One customer whose relations are read through the customer-facing API, by a bearer token or a cookie header."""

    token: HeaderSecret = None
    cookie: HeaderSecret = None

    @model_validator(mode="after")
    def _has_one_login(self) -> Self:
        if (self.token is None) == (self.cookie is None):
            raise ValueError("needs exactly one of token and cookie")
        return self


class AdminLogin(_Section):
    """`[sources.NAME.admin]`: who reads a shop's admin interface, by a bearer token, a cookie header or the login form."""

    token: HeaderSecret = None
    cookie: HeaderSecret = None
    username: str = ""
    password: Password = None
    login_url: OptionalUrl = ""

    @model_validator(mode="after")
    def _has_one_login(self) -> Self:
        if bool(self.username) != (self.password is not None):
            raise ValueError("username and password go together")
        if [self.token is not None, self.cookie is not None, bool(self.username)].count(True) != 1:
            raise ValueError("needs exactly one of token, cookie, and username with password")
        if self.login_url and not self.username:
            raise ValueError("login_url goes with username and password")
        return self


class Shop(_Section):
    """One shop connection, `[sources.NAME]`."""

    url: ShopUrl
    interface: Literal["jsonapi", "jsonadm", "graphql"] = "jsonapi"
    currency: Currency
    timezone: ZoneName = "UTC"
    language: Language = "en"
    product_url: LinkPattern = ""
    media_url: OptionalUrl = ""
    account_url: OptionalUrl = ""
    stock_types: Names = ()
    max_staleness_minutes: Annotated[float, Field(gt=0)] = 120
    max_shrink_percent: Annotated[float, Field(ge=0, le=100)] = 20
    timeout_seconds: Seconds = 30
    page_size: Annotated[int, Field(ge=0, le=10_000)] = 0
    reconcile_hours: Annotated[float, Field(gt=0, le=8760)] = 24
    product_refresh_hours: Annotated[float, Field(gt=0, le=8760)] = 6
    write_back: bool = False
    catalogue_customer: str = ""
    admin: AdminLogin | None = None
    customers: dict[CustomerName, Account] = {}

    @model_validator(mode="after")
    def _knows_its_customers(self) -> Self:
        if self.catalogue_customer and self.catalogue_customer not in self.customers:
            known = ", ".join(self.customers) or "none"
            raise ValueError(f"catalogue_customer must be empty or the name of one of the customers ({known})")
        return self

    @model_validator(mode="after")
    def _has_the_login_its_interface_needs(self) -> Self:
        if self.interface == "jsonapi" and self.admin is not None:
            raise ValueError('admin is for interface = "jsonadm" or "graphql"; the customer-facing API needs customers')
        if self.interface != "jsonapi" and self.admin is None:
            raise ValueError(f'interface = "{self.interface}" needs a login in the table admin')
        if self.admin is not None and self.admin.login_url and not same_origin(self.admin.login_url, self.url):
            raise ValueError("admin.login_url must be on the host of url, which alone may see the password")
        if self.interface != "jsonapi" and self.customers:
            raise ValueError(
                'customers is for interface = "jsonapi"; the admin interfaces list the customers themselves'
            )
        if self.interface == "graphql" and self.write_back:
            raise ValueError('write_back: interface = "graphql" can\'t remove a relation; use "jsonadm" or "jsonapi"')
        return self


class Settings(BaseSettings):
    """Everything an operator can set.

    worker.configuration.load makes it from the layers; made by hand it reads neither files nor variables.
    """

    model_config = SettingsConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        allow_inf_nan=False,
        hide_input_in_errors=True,
        env_prefix="WATCHPOST_",
        env_nested_delimiter="__",
    )

    data_dir: Annotated[str, Field(min_length=1)]
    database: Database
    hash_key: HashKey
    broker: Broker
    schedule: Schedule
    rules: Rules
    mail: Sender
    smtp: Smtp
    retention: Retention
    logs: Logs
    sources: dict[SourceName, Shop]

    @field_validator("hash_key")
    @classmethod
    def _is_shared_by_all_machines(cls, value: SecretStr, info: ValidationInfo) -> SecretStr:
        database = info.data.get("database")
        if (
            isinstance(database, Database)
            and is_postgresql(database.url.get_secret_value())
            and not value.get_secret_value()
        ):
            raise ValueError(
                "is empty, but with PostgreSQL several machines must hash addresses alike; "
                "give all of them the same random text (openssl rand -hex 32)"
            )
        return value

    @field_validator("smtp")
    @classmethod
    def _can_be_waited_for(cls, value: Smtp, info: ValidationInfo) -> Smtp:
        broker, longest = info.data.get("broker"), value.timeout_seconds + value.data_timeout_seconds
        if isinstance(broker, Broker) and broker.task_time_limit_seconds < 2 * longest:
            raise ValueError(
                f"timeout_seconds + data_timeout_seconds ({longest:g}) must be at most half of broker.task_time_limit_seconds "
                f"({broker.task_time_limit_seconds}), or a task would be killed with a mail on its way; raise that one or "
                "shorten the time-outs"
            )
        return value

    @field_validator("sources")
    @classmethod
    def _are_read_often_enough(cls, value: dict[str, Shop], info: ValidationInfo) -> dict[str, Shop]:
        schedule = info.data.get("schedule")
        for name, shop in value.items():
            if isinstance(schedule, Schedule) and shop.max_staleness_minutes * 60 <= schedule.sync_seconds:
                raise ValueError(
                    f"{name}.max_staleness_minutes ({shop.max_staleness_minutes:g}) must be longer than "
                    f"schedule.sync_seconds ({schedule.sync_seconds:g}), or mails would wait for a sync most of the time"
                )
        return value

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the library's signature
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what is passed in: worker.configuration reads the layers, because it tells where each value is from."""
        return (init_settings,)
