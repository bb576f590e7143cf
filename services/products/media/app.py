"""The Flask application of one media process."""

import atexit
import time
from dataclasses import dataclass
from typing import Any, cast

from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException

from services.contracts.errors import NotFound, Unauthenticated
from services.kernel import calls, problems, tracing
from services.kernel.leases import Lease
from services.kernel.mongo import Mongo
from services.kernel.postgres import Postgres
from services.kernel.process import Process, enter, settle_memory
from services.kernel.tokens import TokenReader
from services.kernel.web import REQUEST_ID, NoSessions, add_health, correlation_id_of, enter_traced, of_http, problem
from services.products.media import downloads, tus
from services.products.media.cleaner import Cleaner
from services.products.media.gridfs import GridFS
from services.products.media.objects import NoSuchKey, ObjectStore
from services.products.media.records import Records
from services.products.media.settings import MediaSettings
from services.products.media.settling import Settler
from services.products.media.thumbnails import Studio
from services.products.media.uploads import Uploads
from services.products.media.writing import Digests

# Bytes take as long as they take; what asks a store has deadlines of its own.
REQUEST_TIMEOUT_S = calls.MAX_TIMEOUT_S
# A page of any origin may upload with a token, and show what is public.
_CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "Location, Upload-Offset, Upload-Length, Upload-Metadata, Upload-Expires, Tus-Resumable, Tus-Version, "
    "Tus-Extension, Tus-Max-Size, Tus-Checksum-Algorithm, X-Request-Id, ETag, Content-Range, Retry-After",
}
_PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, HEAD, POST, PATCH, DELETE, OPTIONS",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, Range, If-None-Match, If-Range, Tus-Resumable, Upload-Length, Upload-Offset, "
    "Upload-Metadata, Upload-Checksum, X-HTTP-Method-Override, X-Request-Id",
    "Access-Control-Max-Age": "86400",
}
_OVERRIDES = ("PATCH", "DELETE", "HEAD")


@dataclass(frozen=True)
class Media:
    """The parts of one media process."""

    process: Process
    settings: MediaSettings
    postgres: Postgres
    tokens: TokenReader
    records: Records
    store: ObjectStore
    uploads: Uploads
    cleaner: Cleaner

    def close(self) -> None:
        self.cleaner.stop()
        self.store.close()
        self.postgres.close()
        tracing.stop()
        self.process.metrics.flush()


def create() -> Flask:
    """Made once in each worker process: reads the settings, connects, and returns the application."""
    settings = MediaSettings.load_or_exit()
    media = assemble(enter(settings))
    media.cleaner.start()
    atexit.register(media.close)
    app = make_app(media)
    settle_memory()
    return app


def assemble(process: Process) -> Media:
    settings = cast("MediaSettings", process.settings)
    postgres = Postgres(
        settings.products_postgres_url.get_secret_value(), process.metrics, size=settings.products_postgres_connections, name="media"
    )
    store = make_store(settings, process)
    process.require("postgres", postgres.check)
    process.require(settings.media_store, store.check)
    records = Records(postgres, settings.media_upload_hours * 3600)
    settler = Settler(records, store, Studio(), process.metrics)
    cleaner = Cleaner(records, store, settler, Lease(postgres, "media-cleaner"), process.metrics, settings.media_clean_every_s)
    tokens = TokenReader(settings.jwt_public_key, settings.jwt_issuer, settings.jwt_other_public_keys)
    return Media(process, settings, postgres, tokens, records, store, Uploads(records, store, settler, Digests()), cleaner)


def make_store(settings: MediaSettings, process: Process) -> ObjectStore:
    """The object store that the settings choose."""
    if settings.media_store == "gridfs":
        assert settings.media_mongo_url is not None
        return GridFS(Mongo(settings.media_mongo_url.get_secret_value(), settings.media_mongo_database, process.metrics))
    # Its client takes as long to load as all else of the unit together.
    from services.products.media.s3 import S3

    assert settings.media_s3_bucket is not None
    assert settings.media_s3_access_key is not None
    assert settings.media_s3_secret_key is not None
    return S3(
        settings.media_s3_bucket,
        settings.media_s3_region,
        settings.media_s3_access_key.get_secret_value(),
        settings.media_s3_secret_key.get_secret_value(),
        settings.media_s3_endpoint,
    )


def make_app(media: Media) -> Flask:
    app = Flask("media", static_folder=None)
    app.session_interface = NoSessions()
    app.register_blueprint(tus.make_blueprint(media.uploads, media.settings))
    app.register_blueprint(downloads.make_blueprint(media.records, media.store))
    add_health(app, media.process)
    app.before_request(lambda: _begin(media))
    app.after_request(lambda response: _end(media, response))
    app.register_error_handler(Exception, _error)
    app.wsgi_app = _MethodOverride(app.wsgi_app)  # type: ignore[method-assign]
    return app


class _MethodOverride:
    """tus 1.0, X-HTTP-Method-Override: for clients that can send POST only."""

    def __init__(self, app: Any) -> None:
        self._app = app

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        method = environ.get("HTTP_X_HTTP_METHOD_OVERRIDE", "").upper()
        if environ["REQUEST_METHOD"] == "POST" and method in _OVERRIDES:
            environ["REQUEST_METHOD"] = method
        return self._app(environ, start_response)


def _begin(media: Media) -> Response | None:
    """Who asks, under which correlation id."""
    g.began = time.perf_counter()
    viewer, refused = None, None
    try:
        viewer = media.tokens.viewer(request.environ.get("HTTP_AUTHORIZATION"))
    except Unauthenticated as error:
        refused = error
    route = request.url_rule.rule if request.url_rule else "unknown"
    g.span, trace = enter_traced(request.method, route, request.path, request.environ.get("HTTP_TRACEPARENT", ""))
    call = calls.begin(REQUEST_TIMEOUT_S, correlation_id_of(request.environ), viewer=viewer, trace=trace)
    g.correlation_id, g.end_call = call.correlation_id, calls.set_current(call)
    return problem(refused) if refused else None


def _end(media: Media, response: Response) -> Response:
    rule = request.url_rule
    route = rule.endpoint.rpartition(".")[2] if rule else "unknown"
    media.process.metrics.timing(f"http.media.{route}.{response.status_code}", time.perf_counter() - g.began)
    tracing.answered(g.span, response.status_code)
    headers = response.headers
    headers[REQUEST_ID] = g.correlation_id
    headers["X-Content-Type-Options"] = "nosniff"
    headers.setdefault("Cache-Control", "no-store")
    headers.extend(_CORS if request.method != "OPTIONS" else {**_CORS, **_PREFLIGHT})
    g.end_call()
    return response


def _error(error: Exception) -> Response:
    """Whatever was raised, as a typed answer."""
    if isinstance(error, NoSuchKey):
        error = NotFound("There is no such file.")
    if not isinstance(error, HTTPException):
        return problem(problems.known(error))
    response = problem(of_http(error), error.code or 500)
    for name, value in error.get_headers():
        if name in ("Allow", "Content-Range"):
            response.headers[name] = value
    return response
