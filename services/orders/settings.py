"""The settings of the orders context."""

from typing import Annotated

from pydantic import Field, SecretStr

from services.kernel.config import PostgresUrl, Settings


class OrdersSettings(Settings):
    orders_postgres_url: PostgresUrl
    # Signs page cursors; the same for all processes of the service.
    cursor_key: Annotated[SecretStr, Field(min_length=16)]
    orders_postgres_connections: Annotated[int, Field(ge=1, le=200)] = 8
    # How often the reconciler looks at the books that changed, and how long behind now it begins: a transaction may
    # commit a little after the time that it wrote.
    reconcile_every_s: Annotated[float, Field(gt=0, le=3600)] = 2.0
    reconcile_overlap_s: Annotated[float, Field(gt=0, le=3600)] = 20.0
    reconcile_all_every_s: Annotated[float, Field(gt=0, le=86_400)] = 3600.0
