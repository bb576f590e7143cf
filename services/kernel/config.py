"""Typed configuration: the environment over a TOML file over the defaults, read once at start.

Every setting is an environment variable LIVEDROPS_<NAME>, or <name> in the file that LIVEDROPS_CONFIG names.
A wrong value ends the process with exit code 2 and a line that names the variable, the value and what is allowed.
"""

import os
import re
import sys
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

PREFIX = "LIVEDROPS_"


class ConfigurationError(Exception):
    """A setting is missing or wrong. The text names each variable, its value and what is allowed."""


def _url(*schemes: str) -> AfterValidator:
    def check(value: SecretStr) -> SecretStr:
        if not value.get_secret_value().startswith(tuple(f"{scheme}://" for scheme in schemes)):
            raise ValueError(f"must start with {' or '.join(f'{scheme}://' for scheme in schemes)}")
        return value

    return AfterValidator(check)


def _place(value: str) -> str:
    if not value.startswith(("http://", "https://", "/")) or value.endswith("/"):
        raise ValueError("must start with http://, https:// or /, and not end with /")
    return value


# An address to which a path is added. One without a host is taken to be on whatever host a client speaks to.
Address = Annotated[str, AfterValidator(_place)]
# Addresses carry passwords, so they are secrets as a whole; `describe` shows them without the password.
BrokerUrl = Annotated[SecretStr, _url("amqp", "amqps")]
PostgresUrl = Annotated[SecretStr, _url("postgresql", "postgres")]
MongoUrl = Annotated[SecretStr, _url("mongodb", "mongodb+srv")]
RedisUrl = Annotated[SecretStr, _url("redis", "rediss")]
ElasticsearchUrl = Annotated[SecretStr, _url("http", "https")]
SmtpUrl = Annotated[SecretStr, _url("smtp", "smtps")]
Port = Annotated[int, Field(ge=0, le=65535)]


def _server(value: str) -> str:
    if not value.startswith(("http://", "https://")):
        raise ValueError("must start with http:// or https://")
    return value.rstrip("/")


ServerAddress = Annotated[str, AfterValidator(_server)]


class Settings(BaseSettings):
    """What every process of ours knows."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore", frozen=True)

    env: Literal["development", "test", "production"] = "production"
    unit: str = Field(default="unnamed", max_length=60)
    broker_url: BrokerUrl
    redis_url: RedisUrl
    http_host: str = "127.0.0.1"
    http_port: Port = 0
    statsd_host: str = "127.0.0.1"
    statsd_port: Port = 8125
    # Where spans are sent, as OTLP over HTTP; without it nothing is traced.
    otlp_url: ServerAddress | None = None
    # The part of the traces beginning here that is recorded, where who asks has not decided.
    trace_sample: Annotated[float, Field(ge=0, le=1)] = 0.01
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    # How long a stopping process may finish what is in flight.
    stop_timeout_s: Annotated[float, Field(gt=0, le=60)] = 10.0
    # Redis is an aid, never the truth: past this it counts as away.
    redis_deadline_s: Annotated[float, Field(gt=0, le=5)] = 0.05

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        file = os.environ.get(f"{PREFIX}CONFIG")
        sources = (init_settings, env_settings)
        return (*sources, TomlConfigSettingsSource(settings_cls, file)) if file else sources

    @classmethod
    def load(cls) -> Self:
        """Read and validate. Raises ConfigurationError."""
        file = os.environ.get(f"{PREFIX}CONFIG")
        if file and not os.path.isfile(file):
            raise ConfigurationError(f"{PREFIX}CONFIG={file!r}: there is no such file")
        try:
            return cls()
        except ValidationError as error:
            raise ConfigurationError("\n".join(_explain(cls, error))) from error

    @classmethod
    def load_or_exit(cls) -> Self:
        """Read and validate; on a mistake say it plainly and end with exit code 2."""
        try:
            return cls.load()
        except ConfigurationError as error:
            sys.stderr.write(f"{error}\n")
            raise SystemExit(2) from error

    def describe(self) -> dict[str, object]:
        """The settings for the log, with secrets hidden."""
        return {name: _shown(value) for name, value in self if value is not None}


def _shown(value: object) -> object:
    if not isinstance(value, SecretStr):
        return value
    text = value.get_secret_value()
    return re.sub(r"//([^:@/]*):[^@/]*@", r"//\1:***@", text) if "://" in text else "***"


def _explain(settings: type[Settings], error: ValidationError) -> list[str]:
    lines = []
    for problem in error.errors(include_url=False):
        reason = problem["msg"].removeprefix("Value error, ")
        if not problem["loc"]:  # settings that don't go together: the reason names them
            lines.append(reason)
            continue
        name = str(problem["loc"][0])
        variable = f"{PREFIX}{name.upper()}"
        if problem["type"] == "missing":
            lines.append(f"{variable} is not set, and has no default")
            continue
        value = _shown(problem["input"])
        secret = "SecretStr" in str(settings.model_fields[name].annotation) if name in settings.model_fields else False
        lines.append(f"{variable}={'***' if secret else repr(value)}: {reason}")
    return lines
