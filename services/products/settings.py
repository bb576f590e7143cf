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
