"""What the rest of products asks of media: files announced over RPC, and which of them products may show. No bytes come by here."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from services.contracts.errors import Conflict, Forbidden, InvalidInput, NotFound, Unauthenticated
from services.contracts.media import MediaFile, NewUpload, Thumbnail, Upload
from services.contracts.users import Role
from services.kernel.calls import Call
from services.products.media import rules
from services.products.media.links import MediaLinks
from services.products.media.records import Records
from services.products.media.rules import Record


@dataclass(frozen=True)
class Library:
    records: Records
    links: MediaLinks

    def create_upload(self, media_id: str, creator_id: str, upload: NewUpload) -> Upload:
        """Raises TypeNotAllowed, UploadTooLarge, RateLimited, Conflict (another upload under the id)."""
        rules.check_announced(upload.content_type, upload.size)
        if not self.records.add(media_id, creator_id, upload) and not self.records.was_created_as(media_id, creator_id, upload):
            raise Conflict("There is another upload under this id.", media_id=media_id)
        found = self.records.find(media_id)
        if found is None:
            raise NotFound("The upload ran out a moment ago.", media_id=media_id)
        return self._upload(found[0])

    def get_media(self, media_ids: Sequence[str]) -> list[MediaFile]:
        found = self.records.ready(media_ids)
        return [self._file(found[media_id]) for media_id in dict.fromkeys(media_ids) if media_id in found]

    def require_ready(self, media_ids: Collection[str], creator_id: str) -> None:
        """Raises InvalidInput unless all are this creator's, and ready."""
        ready = self.ready_of(media_ids, creator_id)
        if missing := [id for id in media_ids if id not in ready]:
            raise InvalidInput(f"{missing[0]} is no uploaded file of this creator's that is ready.", field="media", media_id=missing[0])

    def ready_of(self, media_ids: Collection[str], creator_id: str) -> set[str]:
        """Those that are this creator's, and ready."""
        found = self.records.ready(list(media_ids)) if media_ids else {}
        return {id for id, record in found.items() if record.creator_id == creator_id}

    def _upload(self, record: Record) -> Upload:
        return Upload(
            media_id=record.id,
            creator_id=record.creator_id,
            upload_url=f"{self.links.media_upload_url}/{record.id}",
            size=record.size,
            offset=record.stored,
            state=record.state,
            reason=record.reason,
            expires_at=record.expires_at,
        )

    def _file(self, record: Record) -> MediaFile:
        assert record.content_type is not None
        assert record.sha256 is not None
        url = f"{self.links.media_base_url}/{record.id}"
        return MediaFile(
            id=record.id,
            creator_id=record.creator_id,
            filename=record.filename,
            content_type=record.content_type,
            size=record.size,
            sha256=record.sha256,
            url=url,
            created_at=record.created_at,
            width=record.width,
            height=record.height,
            thumbnails=[Thumbnail(one.name, one.width, one.height, f"{url}/{one.name}") for one in record.thumbnails],
        )


def require_uploader(call: Call) -> str:
    """The id of the signed-in person, who may upload. Raises Unauthenticated, Forbidden."""
    if call.viewer is None:
        raise Unauthenticated()
    if not call.viewer.is_operator() and Role.CREATOR not in call.viewer.roles:
        raise Forbidden("Only creators upload.")
    return call.viewer.id
