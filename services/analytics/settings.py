"""The settings of the analytics context."""

from typing import Annotated

from pydantic import Field

from services.kernel.config import PostgresUrl, Settings


class AnalyticsSettings(Settings):
    analytics_postgres_url: PostgresUrl
    analytics_postgres_connections: Annotated[int, Field(ge=1, le=200)] = 4
