"""Who may ask: one browser that was given the token, on this machine, from pages of this application."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from urllib.parse import parse_qsl, urlencode

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""Headers of every answer."""

_NO_TOKEN = (
    "Open the address that `autograder mark` printed: it ends in a token, which lets this browser in.\n"
)
_OTHER_HOST = "This is not the address that `autograder mark` printed.\n"
_OTHER_ORIGIN = "Only pages of this application may change marks. Reload the page, then try again.\n"


class Guard:
    """ASGI middleware in front of the application.

    A request must name this server in its Host header: a foreign page whose name was pointed at this machine does
    not. The token of the printed address becomes a cookie by a redirect, so that it stays in no history. What changes
    something must come from a page of this application and carry `csrf_token`; see `carries_csrf`.

    Args:
        app: What is guarded.
        port: Where the server listens.
        token: What the printed address carries.
    """

    def __init__(self, app: ASGIApp, *, port: int, token: str) -> None:
        self._app = app
        self._hosts = {f"127.0.0.1:{port}", f"localhost:{port}"}
        self._token = token
        self._cookie = f"autograder-mark-{port}"  # browsers share cookies among the ports of a machine
        self._session = secrets.token_urlsafe(32)
        self._csrf = hmac.new(self._session.encode(), b"csrf", hashlib.sha256).hexdigest()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or pass it on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        scope["state"] = {**scope.get("state", {}), "csrf": self._csrf}
        refusal = self._refusal(Request(scope))
        await (refusal or self._app)(scope, receive, send_with_headers)

    def _refusal(self, request: Request) -> Response | None:
        """Return what answers instead of the application; None: the request may pass."""
        host = request.headers.get("host", "").lower()
        if host not in self._hosts:
            return PlainTextResponse(_OTHER_HOST, 421)
        given = request.query_params.get("token", "")
        if given and request.method == "GET" and _equal(given, self._token):
            return self._entrance(request)
        if not _equal(request.cookies.get(self._cookie, ""), self._session):
            return PlainTextResponse(_NO_TOKEN, 403)
        if request.method not in ("GET", "HEAD") and not _is_own(request.headers, host):
            return PlainTextResponse(_OTHER_ORIGIN, 403)
        return None

    def _entrance(self, request: Request) -> Response:
        left = [(name, value) for name, value in parse_qsl(request.url.query) if name != "token"]
        path = "/" + request.url.path.lstrip("/")  # //example.org would lead elsewhere
        response = RedirectResponse(f"{path}?{urlencode(left)}" if left else path, 303)
        response.set_cookie(self._cookie, self._session, httponly=True, samesite="strict", path="/")
        return response


def carries_csrf(request: Request, form: Mapping[str, object]) -> bool:
    """Return whether a request that changes something was made by a form of this application."""
    given = form.get("csrf", "")
    return isinstance(given, str) and _equal(given, request.state.csrf)


def _is_own(headers: Headers, host: str) -> bool:
    """Return whether the browser says that a page of this application asks; a program need not say.

    The pages send no referrer, for which browsers name the origin of a form `null`; then they have to say where it is.
    """
    origin, site = headers.get("origin"), headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin" and origin in (None, "null", f"http://{host}")
    return origin in (None, f"http://{host}")


def _equal(given: str, secret: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), secret.encode())
