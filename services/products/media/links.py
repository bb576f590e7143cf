"""Where media are found: the part of the media unit's settings that all of products shares."""

from typing import Annotated

from pydantic import Field

from services.kernel.config import Address, Settings


class MediaLinks(Settings):
    """Where clients find media. base: of downloads, for a CDN to take over; upload: where bytes go, past any CDN."""

    media_base_url: Address = "/media"
    media_upload_url: Address = "/media/uploads"
    # An upload that nothing was added to for so long is over.
    media_upload_hours: Annotated[float, Field(gt=0, le=24 * 30)] = 24.0
