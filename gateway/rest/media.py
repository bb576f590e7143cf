"""What the OpenAPI document says of media, which another unit serves behind the same address (services/products/media)."""

from typing import Any

from services.contracts.values import MediaId

# Statuses that a media address may refuse with, with the words that HTTP has for them; tus adds one of its own.
REFUSALS = {410: "Gone", 413: "Content Too Large", 415: "Unsupported Media Type", 423: "Locked", 460: "Checksum Mismatch"}
ID: Any = MediaId
_TEXT = {"type": "string"}
_NUMBER = {"type": "integer", "minimum": 0}
_TUS = {"name": "Tus-Resumable", "in": "header", "required": True, "schema": {"const": "1.0.0"}}
_BYTES = {"required": True, "content": {"application/offset+octet-stream": {}}}
_PROGRESS = {"Upload-Offset": _NUMBER, "Upload-Expires": _TEXT}
_CHECKSUM = {
    "name": "Upload-Checksum",
    "in": "header",
    "required": False,
    "schema": _TEXT,
    "description": "sha1, sha256 or md5, then its base64.",
}
_SIGNED_IN: Any = {"security": [{"token": []}]}


def paths(media_id: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """media_id: the schema of an id."""
    place = {"name": "media_id", "in": "path", "required": True, "schema": media_id}
    return {
        "/media/uploads": {"post": _create(), "options": _options()},
        "/media/uploads/{media_id}": {"parameters": [place], "head": _stand(), "patch": _receive(), "delete": _end()},
        "/media/{media_id}": {"parameters": [place], "get": _download("download", "A file as it was uploaded.")},
        "/media/{media_id}/{name}": {
            "parameters": [place, {"name": "name", "in": "path", "required": True, "schema": _TEXT}],
            "get": _download("thumbnail", "A smaller picture of an image."),
        },
    }


def _options() -> dict[str, Any]:
    gives = dict.fromkeys(("Tus-Version", "Tus-Extension", "Tus-Max-Size", "Tus-Checksum-Algorithm"), _TEXT)
    return _operation("describe_uploads", "What this server can do of tus 1.0.", 204, gives, (503,))


def _create() -> dict[str, Any]:
    length = {"name": "Upload-Length", "in": "header", "required": True, "schema": _NUMBER}
    metadata = {
        "name": "Upload-Metadata",
        "in": "header",
        "required": False,
        "schema": _TEXT,
        "description": "filename, filetype and sha256, each followed by its value in base64.",
    }
    refusals = (400, 401, 403, 412, 413, 415, 422, 429, 460, 503)
    made = _operation(
        "create_upload", "Begin an upload; with a body, go on with it at once.", 201, {"Location": _TEXT, **_PROGRESS}, refusals
    )
    return {**made, "parameters": [_TUS, length, metadata, _CHECKSUM], "requestBody": {**_BYTES, "required": False}, **_SIGNED_IN}


def _stand() -> dict[str, Any]:
    gives = {**_PROGRESS, "Upload-Length": _NUMBER, "Upload-Metadata": _TEXT}
    made = _operation("get_upload", "Where an upload goes on.", 200, gives, (401, 403, 404, 410, 412, 422, 503))
    return {**made, "parameters": [_TUS], **_SIGNED_IN}


def _receive() -> dict[str, Any]:
    offset = {"name": "Upload-Offset", "in": "header", "required": True, "schema": _NUMBER}
    refusals = (400, 401, 403, 404, 409, 410, 412, 413, 415, 422, 423, 460, 503)
    made = _operation("resume_upload", "Go on with an upload. What arrives is kept.", 204, _PROGRESS, refusals)
    return {**made, "parameters": [_TUS, offset, _CHECKSUM], "requestBody": _BYTES, **_SIGNED_IN}


def _end() -> dict[str, Any]:
    made = _operation("end_upload", "Forget an upload and its bytes.", 204, {}, (401, 403, 404, 409, 410, 412, 422, 423, 503))
    return {**made, "parameters": [_TUS], **_SIGNED_IN}


def _download(name: str, summary: str) -> dict[str, Any]:
    gives = dict.fromkeys(("ETag", "Cache-Control", "Content-Disposition", "Accept-Ranges"), _TEXT)
    wishes = [{"name": name, "in": "header", "required": False, "schema": _TEXT} for name in ("Range", "If-Range", "If-None-Match")]
    made = _operation(name, summary, 200, gives, (404, 503))
    made["responses"] |= {
        "206": {"description": "Partial Content", "headers": _headers({"Content-Range": _TEXT, **gives}), "content": {"*/*": {}}},
        "304": {"description": "Not Modified"},
        "416": {"description": "Range Not Satisfiable", "headers": _headers({"Content-Range": _TEXT})},
    }
    made["responses"]["200"]["content"] = {"*/*": {}}
    return {**made, "parameters": wishes}


def _operation(name: str, summary: str, status: int, gives: dict[str, Any], refusals: tuple[int, ...]) -> dict[str, Any]:
    answer: dict[str, Any] = {"description": summary, "headers": _headers(gives)}
    responses: dict[str, Any] = {str(status): answer, **{str(one): {"$ref": f"#/components/responses/{one}"} for one in refusals}}
    return {"operationId": name, "summary": summary, "responses": responses}


def _headers(given: dict[str, Any]) -> dict[str, Any]:
    return {name: {"schema": schema} for name, schema in given.items()}
