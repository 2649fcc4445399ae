# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Who may open the page: programs on this machine, or whoever has the token.

The page shows a person and arms a robot. So on this machine it answers only requests that a page
of its own made: not those that another web site makes in the user's browser, straight (it checks
``Origin``) or through a name that suddenly means 127.0.0.1 (it checks ``Host``). Elsewhere it
answers only with the token, which the printed address brings once and a cookie from then on.
"""

from __future__ import annotations

import hmac
import http
import ipaddress
import secrets
import socket
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs, urlencode, urlsplit

from websockets.datastructures import Headers
from websockets.http11 import Request, Response

_LOCAL_NAMES = ("localhost", "127.0.0.1", "::1")

# What the browser enforces of it: nothing is fetched from, or sent to, anywhere else, and no other
# site shows the page in a frame and has its visitor press the buttons.
_POLICY = (
    "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; connect-src 'self' data: blob:;"
    " object-src 'none'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'")

_HEADERS = {
    "Content-Security-Policy": _POLICY, "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store"}


def is_local(host: str) -> bool:
    """Return whether a server bound to `host` can be reached from this machine only.

    Raises
    ------
    ValueError
        If `host` is no address or name of this machine.
    """
    try:
        found = socket.getaddrinfo(host or "0.0.0.0", None, type=socket.SOCK_STREAM)
        addresses = {item[4][0] for item in found}
        with socket.socket(found[0][0], socket.SOCK_STREAM) as probe:
            probe.bind((found[0][4][0], 0))
    except (OSError, UnicodeError) as error:
        raise ValueError(
            f"host: {host!r} is no address of this machine ({error}); 'localhost' for this "
            "machine only, '0.0.0.0' for the whole network") from None
    return all(ipaddress.ip_address(address).is_loopback for address in addresses)


class Gate:
    """Decides on every request, before anything of it is handled.

    Parameters
    ----------
    token : str
        What a stranger does not know; empty for a page on this machine only.
    """

    def __init__(self, token: str = "") -> None:
        self.token = token
        # Cookies do not tell ports apart: two robots on one machine need two names.
        self._cookie = f"mirror_robot_{secrets.token_hex(4)}"

    def address(self, host: str, port: int) -> str:
        """Return the address to open in a browser."""
        name = f"[{host}]" if ":" in host else host
        query = f"?{urlencode({'token': self.token})}" if self.token else ""
        return f"http://{name}:{port}/{query}"

    def check(self, request: Request) -> Response | None:
        """Return the answer to a request that is not let in, None to let it in."""
        try:
            host, origin = (request.headers.get(name, "") for name in ("Host", "Origin"))
            cookie = "; ".join(request.headers.get_all("Cookie"))
        except LookupError:  # a header that is there twice
            return _refusal(http.HTTPStatus.BAD_REQUEST, "bad request")
        if origin and urlsplit(origin).netloc != host:
            return _refusal(http.HTTPStatus.FORBIDDEN, "not for pages of other sites")
        if not self.token:
            if not _names_this_machine(host):
                return _refusal(http.HTTPStatus.FORBIDDEN, "only as http://localhost")
            return None
        given = parse_qs(urlsplit(request.path).query).get("token", [""])[0]
        if _same(given, self.token):
            # Out of the address and its history, into a cookie that scripts cannot read.
            answer = _refusal(http.HTTPStatus.SEE_OTHER, "")
            answer.headers["Location"] = "./"
            answer.headers["Set-Cookie"] = (
                f"{self._cookie}={self.token}; HttpOnly; SameSite=Lax; Path=/")
            return answer
        if _same(_cookies(cookie).get(self._cookie, ""), self.token):
            return None
        return _refusal(
            http.HTTPStatus.UNAUTHORIZED,
            "This page needs its token: open the whole address that the robot printed.")

    @staticmethod
    def seal(response: Response) -> Response:
        """Add to an answer what the browser is to enforce."""
        for name, value in _HEADERS.items():
            response.headers[name] = value
        return response


def _same(given: str, wanted: str) -> bool:
    # Takes as long for a wrong first letter as for a wrong last one.
    return hmac.compare_digest(given.encode(), wanted.encode())


def _names_this_machine(host: str) -> bool:
    try:
        return urlsplit(f"//{host}").hostname in _LOCAL_NAMES
    except ValueError:
        return False


def _cookies(header: str) -> dict[str, str]:
    try:
        return {name: morsel.value for name, morsel in SimpleCookie(header).items()}
    except CookieError:
        return {}


def _refusal(status: http.HTTPStatus, text: str) -> Response:
    body = text.encode()
    headers = Headers({"Content-Type": "text/plain; charset=utf-8",
                       "Content-Length": str(len(body)), "Connection": "close"})
    return Gate.seal(Response(status.value, status.phrase, headers, body))
