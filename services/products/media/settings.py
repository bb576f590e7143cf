"""The settings of the media unit."""

from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, model_validator

from services.kernel.config import MongoUrl, PostgresUrl
from services.kernel.tokens import PublicKey, PublicKeys
from services.products.media.links import MediaLinks


class MediaSettings(MediaLinks):
    products_postgres_url: PostgresUrl
    products_postgres_connections: Annotated[int, Field(ge=1, le=200)] = 8
    jwt_public_key: PublicKey
    jwt_issuer: str = "livedrops"
    # As of the gateway's.
    jwt_other_public_keys: PublicKeys = ""
    # Uploads and downloads at once. Idle threads cost little, but each of a slow client is one.
    media_threads: Annotated[int, Field(ge=4, le=512)] = 72
    media_store: Literal["gridfs", "s3"] = "gridfs"
    media_mongo_url: MongoUrl | None = None
    media_mongo_database: Annotated[str, Field(pattern=r"^[a-z_]{1,60}$")] = "media"
    media_s3_bucket: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.\-]{1,61}[a-z0-9]$")] | None = None
    media_s3_region: Annotated[str, Field(pattern=r"^[a-z0-9\-]{1,40}$")] = "us-east-1"
    # None for Amazon's own.
    media_s3_endpoint: Annotated[str, Field(pattern=r"^https?://")] | None = None
    media_s3_access_key: SecretStr | None = None
    media_s3_secret_key: SecretStr | None = None
    media_clean_every_s: Annotated[float, Field(gt=0, le=3600)] = 30.0

    @model_validator(mode="after")
    def _has_what_its_store_needs(self) -> Self:
        needed = {
            "gridfs": ("media_mongo_url",),
            "s3": ("media_s3_bucket", "media_s3_access_key", "media_s3_secret_key"),
        }[self.media_store]
        missing = [f"LIVEDROPS_{name.upper()}" for name in needed if getattr(self, name) is None]
        if missing:
            raise ValueError(f"LIVEDROPS_MEDIA_STORE={self.media_store} needs {', '.join(missing)}")
        return self
