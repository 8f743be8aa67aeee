"""Every setting, with the default that works. Read once; nothing else reads the environment."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

ENV_PREFIX = "TAPELINE_"


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


Name = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[A-Za-z0-9_.-]+$")]


class Stream(Section):
    name: Name = "stock-market-stream"
    shards: int = Field(0, ge=0, le=500, description="0 is on-demand")
    retention_hours: int = Field(24, ge=24, le=8760)


class Application(Section):
    name: Name = Field("tapeline", description="the KCL application and its lease table")
    instance: int = Field(0, ge=0, description="tells workers on one host apart")
    start: Literal["TRIM_HORIZON"] = "TRIM_HORIZON"
    run_dir: str = Field(".tapeline/worker", description="lock, logs and properties of the worker")


class Lake(Section):
    bucket: str = Field("", description="empty: tapeline-lake-ACCOUNT-REGION")
    prefix: str = Field("tape", pattern=r"^[A-Za-z0-9_./=-]*$")
    results_bucket: str = Field("", description="empty: tapeline-results-ACCOUNT-REGION")


class Cut(Section):
    """A cut closes at whichever comes first."""

    seconds: float = Field(60, gt=0)
    idle_seconds: float = Field(5, gt=0)
    records: int = Field(50_000, gt=0)
    megabytes: float = Field(64, gt=0)
    dates: int = Field(32, gt=0, le=1000)


class Worker(Section):
    checkpoint_seconds: float = Field(30, ge=0)
    checkpoint_cuts: int = Field(10, gt=0)
    symbols: int = Field(
        50_000, ge=100, le=5_000_000, description="most that a shard keeps in memory"
    )
    max_records: int = Field(10_000, gt=0, le=10_000)
    idle_ms: int = Field(250, ge=0)
    failover_ms: int = Field(5_000, ge=1_000)
    shutdown_grace_ms: int = Field(15_000, ge=0)
    callback_timeout_s: int = Field(300, ge=30, description="a child silent for so long is ended")
    max_shards: int = Field(
        16, gt=0, description="open shards this worker is made for; sizes the heap"
    )
    shard_sync_ms: int = Field(5_000, ge=1_000)
    parent_poll_ms: int = Field(1_000, ge=100)
    assignment_ms: int = Field(2_000, ge=500)
    good_run_seconds: float = Field(60, gt=0, description="an end before that is a fast failure")
    fast_failures: int = Field(6, gt=0, description="so many in a row, and the worker gives up")
    processor: str = Field(
        "kcl_app.wiring:Wiring",
        pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$",
        description="module:Class, amazon_kclpy's processor interface of version 3",
    )


class Market(Section):
    timezone: str = "America/New_York"
    earliest_year: int = Field(1990, ge=1970)
    latest_year: int = Field(2099, le=2200)

    @field_validator("timezone")
    @classmethod
    def known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError) as unknown:
            raise ValueError("not an IANA time zone, such as America/New_York") from unknown
        return value


class Windows(Section):
    intervals: tuple[str, ...] = Field(
        ("1m",), description="5m tumbling, 1h_5m hopping, gap30m until so long nothing comes"
    )
    calendar: str = Field(
        "", description="exchange whose sessions align the bars, such as XNYS; empty: UTC"
    )
    live: bool = Field(
        False, description="tell hot sinks of bars as they change and close: a write more a bar"
    )
    lateness_seconds: float = Field(5, ge=0, description="how late a tick may be for that")
    idle_seconds: float = Field(60, gt=0, description="silence, by arrival, that closes bars")
    indicators: tuple[str, ...] = Field(
        (), description="more rolling values: rsi_14, ema_12, sma_5m, bollinger_20"
    )


class Flags(Section):
    change_percent: float = Field(5.0, gt=0)
    z_score: float = Field(6.0, gt=0)
    trend: bool = Field(True, description="flag, as low, where SMA 5 crosses SMA 20")


class Repeats(Section):
    """How far back a record id counts as seen."""

    seconds: float = Field(300, ge=0, description="by arrival at Kinesis")
    ids: int = Field(100_000, ge=0, description="at most so many a shard; 0 keeps repeats")


class Catalog(Section):
    database: Name = "stock_market_catalog"
    workgroup: Name = "tapeline"
    scan_limit_gb: int = Field(100, gt=0, description="bytes one question may read in Athena")
    raw_location: str = Field(
        "",
        pattern=r"^(s3://.+/)?$",
        description="s3://BUCKET/PREFIX/ of raw quotes in JSON: makes the table stock_data_table",
    )


class Alerts(Section):
    topic: Name = "stock-trend-alerts"
    table: Name = "stock-alert-table"
    severity: Literal["low", "medium", "high"] = "high"
    cooldown_seconds: float = Field(900, ge=0)


class Items(Section):
    table: Name = "stock-market-table"
    bars_table: Name = Field("stock-bar-table", description="live bars, with windows.live")
    bars_days: int = Field(
        30, ge=0, le=3650, description="a live bar leaves so long after its end; 0 keeps it"
    )


class SinkUse(BaseModel):
    """``use`` names a plugin of the group tapeline.sinks; the rest are its fields."""

    model_config = ConfigDict(extra="allow", frozen=True)
    use: str

    @property
    def fields(self) -> dict[str, Any]:
        return dict(self.model_extra or {})


class Settings(BaseSettings):
    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX, env_nested_delimiter="__", extra="forbid", frozen=True
    )

    endpoint_url: str = Field("", description="empty is AWS; anything else stands for all of it")
    region: str = "us-east-1"
    stream: Stream = Stream()
    application: Application = Application()
    lake: Lake = Lake()
    cut: Cut = Cut()
    worker: Worker = Worker()
    market: Market = Market()
    windows: Windows = Windows()
    flags: Flags = Flags()
    repeats: Repeats = Repeats()
    catalog: Catalog = Catalog()
    alerts: Alerts = Alerts()
    items: Items = Items()
    sinks: tuple[SinkUse, ...] = (
        SinkUse(use="dynamodb"),
        SinkUse(use="sns"),
        SinkUse(use="parquet"),
    )

    @model_validator(mode="after")
    def years_in_order(self) -> Settings:
        if self.market.earliest_year >= self.market.latest_year:
            raise ValueError("market.earliest_year must lie before market.latest_year")
        return self

    @property
    def local(self) -> bool:
        return bool(self.endpoint_url)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Flags and file are merged by ``config.load``; here the environment lies between."""
        return (init_settings, env_settings)
