from typing import Any

from graphql import GraphQLResolveInfo

from gateway import errors, inputs, media
from services.contracts.errors import LiveDropsError


def resolve_upload(_root: Any, info: GraphQLResolveInfo, input: dict[str, Any]) -> dict[str, Any]:
    """Announce a file. Error codes: FORBIDDEN, CONFLICT, TYPE_NOT_ALLOWED, UPLOAD_TOO_LARGE, INVALID_INPUT; of the request UNAUTHENTICATED."""
    context = info.context
    context.require_viewer()
    try:
        upload = media.announce(context, inputs.idempotency_key(input["idempotencyKey"]), input)
    except LiveDropsError as error:
        return {"mediaId": None, "uploadUrl": None, "expiresAt": None, "userErrors": errors.user_errors(error)}
    return {"mediaId": upload.media_id, "uploadUrl": upload.upload_url, "expiresAt": upload.expires_at, "userErrors": []}
