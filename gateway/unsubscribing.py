"""Where the link in a mail leads: a page with one button, and what the button does. Mail programs press it themselves (RFC 8058)."""

from flask import Flask, Response, g

from gateway import inputs
from gateway.context import Gateway, RequestContext
from gateway.documents import FIELD_POINTS
from gateway.rest import messages

# Looking at the link must end nothing: mail scanners look at every link. The button goes back to the same address.
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>LiveDrops</title></head>
<body style="font-family: sans-serif; max-width: 30em; margin: 4em auto; padding: 0 1em">{content}</body></html>
"""
_ASK = """<h1>No more mail?</h1><p>What LiveDrops has to tell you stays in your inbox there.</p>
<form method="post"><button style="font: inherit; padding: .6em 1em">Send me no more mail</button></form>"""
_DONE = "<h1>Done</h1><p>You get no more mail from LiveDrops. You can ask for it again in your settings.</p>"


def add_routes(app: Flask, gateway: Gateway) -> None:
    @app.get("/notifications/unsubscribe")
    def ask_unsubscribe() -> Response:
        _charge(gateway)
        inputs.token(messages.query({"token"}).get("token"))
        return _page(_ASK)

    @app.post("/notifications/unsubscribe")
    def unsubscribe() -> Response:
        _charge(gateway)
        token = inputs.token(messages.query({"token"}).get("token"))
        with inputs.named_as({"after": "token"}):
            gateway.notifications.unsubscribe(token=token)
        return _page(_DONE)


def _charge(gateway: Gateway) -> None:
    RequestContext(gateway, g.visit).charge(FIELD_POINTS["removeNotificationEndpoint"])


def _page(content: str) -> Response:
    return Response(_PAGE.format(content=content), content_type="text/html; charset=utf-8")
