"""The settings of the products context."""

from typing import Annotated

from pydantic import Field, SecretStr

from services.kernel.config import PostgresUrl
from services.products.media.links import MediaLinks


class ProductsSettings(MediaLinks):
    products_postgres_url: PostgresUrl
    # Signs page cursors; the same for all processes of the service.
    cursor_key: Annotated[SecretStr, Field(min_length=16)]
    products_postgres_connections: Annotated[int, Field(ge=1, le=200)] = 8
    # From how long before a drop's start to how long after it its creator's followers are expected to come.
    crowd_before_s: Annotated[float, Field(ge=0, le=86_400)] = 300.0
    crowd_after_s: Annotated[float, Field(ge=0, le=86_400)] = 600.0
