"""The settings of the users context."""

from typing import Annotated

from pydantic import Field, SecretStr

from services.kernel.config import MongoUrl, Settings


class UsersSettings(Settings):
    users_mongo_url: MongoUrl
    users_mongo_database: Annotated[str, Field(pattern=r"^[a-z_]{1,60}$")] = "users"
    # Signs page cursors; the same for all processes of the service.
    cursor_key: Annotated[SecretStr, Field(min_length=16)]
    # How long a person stays signed in without coming back.
    session_days: Annotated[int, Field(ge=1, le=365)] = 30
