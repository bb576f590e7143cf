"""The Flask application of one gateway process."""

import logging
import time

from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException

from gateway import rest, unsubscribing, visits
from gateway.context import Gateway, Visit
from gateway.graphql_view import LiveDropsGraphQLView, refusal
from gateway.order_lane import OrderLane
from gateway.settings import GatewaySettings
from gateway.shared_reads import READ_TIMEOUT_S
from gateway.storefront import Storefront
from services.contracts.errors import LiveDropsError, Unauthenticated
from services.kernel import calls, problems, tracing
from services.kernel.process import enter, settle_memory
from services.kernel.web import REQUEST_ID, NoSessions, add_health, correlation_id_of, enter_traced, of_http


def create() -> Flask:
    """Made once in each worker process: reads the settings, connects, and returns the application."""
    settings = GatewaySettings.load_or_exit()
    gateway = Gateway(enter(settings))
    # The library logs each error of a request; ours are answers, and what we did not foresee we log ourselves.
    logging.getLogger("graphql_server.execution").setLevel(logging.CRITICAL)
    gateway.rpc.start()
    gateway.sightings.start()
    app = make_app(gateway)
    settle_memory()
    return app


def make_app(gateway: Gateway) -> Flask:
    app = Flask("gateway", static_folder=None)
    app.session_interface = NoSessions()
    app.config["MAX_CONTENT_LENGTH"] = gateway.settings.max_body_bytes
    view = LiveDropsGraphQLView(gateway)
    app.add_url_rule(
        "/graphql",
        "graphql",
        view.dispatch_request,
        methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
        provide_automatic_options=True,
    )
    app.register_blueprint(rest.make_blueprint(gateway))
    unsubscribing.add_routes(app, gateway)
    storefront = Storefront(gateway.settings.media_base_url)
    storefront.add_routes(app)
    add_health(app, gateway.process)
    app.add_url_rule("/.well-known/jwks.json", "jwks", lambda: gateway.tokens.key_set())
    app.before_request(lambda: _begin(gateway))
    app.after_request(lambda response: _end(gateway, response))
    app.register_error_handler(Exception, _error)
    app.wsgi_app = OrderLane(storefront.before(app.wsgi_app), gateway, view)  # type: ignore[method-assign]
    return app


def _begin(gateway: Gateway) -> Response | None:
    """Who asks, from where, under which correlation id."""
    environ = request.environ
    signed_in, refused = None, None
    try:
        signed_in = gateway.tokens.sign_in(environ.get("HTTP_AUTHORIZATION"))
    except Unauthenticated as error:
        refused = error
    viewer, until = signed_in or (None, 0.0)
    # Orders have a deadline of their own.
    route = request.url_rule.rule if request.url_rule else "unknown"
    span, trace = enter_traced(request.method, route, request.path, environ.get("HTTP_TRACEPARENT", ""))
    call = calls.begin(READ_TIMEOUT_S, correlation_id_of(environ), viewer=viewer, trace=trace)
    address = visits.address(environ, gateway.settings)
    g.visit = Visit(time.perf_counter(), address, viewer, call.correlation_id, calls.set_current(call), until, span)
    return _refused(refused) if refused else None


def _refused(error: LiveDropsError, status: int | None = None) -> Response:
    """The answer to a request that got no further, in the form of its door."""
    if request.path != "/graphql":
        return rest.problem(error, status)
    return refusal(error, status)


def _end(gateway: Gateway, response: Response) -> Response:
    visit: Visit = g.visit
    label = g.get("label") or rest.label_of(request.url_rule.endpoint if request.url_rule else "unknown", request.method)
    gateway.process.metrics.timing(f"http.{label}.{response.status_code}", time.perf_counter() - visit.began)
    tracing.answered(visit.span, response.status_code)
    headers = response.headers
    headers[REQUEST_ID] = visit.correlation_id
    for name, value in visits.SAME_HEADERS:
        headers.setdefault(name, value)
    visit.end_call()
    return response


def _error(error: Exception) -> Response:
    """Whatever was raised, as a typed answer."""
    if isinstance(error, HTTPException):
        return _http_error(error)
    return _refused(problems.known(error))


def _http_error(error: HTTPException) -> Response:
    """Flask's own errors: no such address, wrong method, body too large."""
    response = _refused(of_http(error), error.code)
    for name, value in error.get_headers():
        if name in ("Allow", "Retry-After"):
            response.headers[name] = value
    return response
