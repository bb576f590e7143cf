"""The settings of the search context."""

from typing import Annotated

from pydantic import Field, SecretStr

from services.kernel.config import ElasticsearchUrl, Settings


class SearchSettings(Settings):
    # Without one, every answer comes from PostgreSQL.
    search_elasticsearch_url: ElasticsearchUrl | None = None
    # Begins the names of all that is kept there.
    search_index: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,60}$")] = "livedrops-search"
    search_shards: Annotated[int, Field(ge=1, le=64)] = 1
    # Signs page cursors; the same for all processes of the service.
    cursor_key: Annotated[SecretStr, Field(min_length=16)]
