"""Where media are found: the part of the media unit's settings that all of products shares."""

from typing import Annotated

from pydantic import AfterValidator, Field

from services.kernel.config import Settings


def _address(value: str) -> str:
    if not value.startswith(("http://", "https://", "/")) or value.endswith("/"):
        raise ValueError("must start with http://, https:// or /, and not end with /")
    return value


# An address to which a path is added. One without a host is taken to be on whatever host a client speaks to.
Address = Annotated[str, AfterValidator(_address)]


class MediaLinks(Settings):
    """Where clients find media. base: of downloads, for a CDN to take over; upload: where bytes go, past any CDN."""

    media_base_url: Address = "/media"
    media_upload_url: Address = "/media/uploads"
    # An upload that nothing was added to for so long is over.
    media_upload_hours: Annotated[float, Field(gt=0, le=24 * 30)] = 24.0
