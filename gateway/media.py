"""Uploaded files, as far as the gateway knows of them: it announces them and shows which there are. Their bytes pass it by."""

from collections.abc import Mapping
from typing import Any

from gateway import inputs
from gateway.context import RequestContext
from services.contracts.media import NewUpload, Upload
from services.kernel import ids


def announce(context: RequestContext, key: str, fields: Mapping[str, Any]) -> Upload:
    """A file that the signed-in person is going to upload; the same key again is the same upload.

    Raises Unauthenticated, InvalidInput that names the field, Forbidden (no creator), Conflict (the key was used for another one).
    """
    viewer = context.require_viewer()
    upload = inputs.payload(NewUpload, {**fields, "size": inputs.whole(fields.get("size"))})
    media_id = ids.derived_id("media", viewer.id, key)
    with inputs.named_for_clients():
        return context.gateway.products.create_upload(media_id=media_id, creator_id=viewer.id, upload=upload)
