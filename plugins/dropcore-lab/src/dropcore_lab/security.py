"""The checks that the server makes before it serves.

- The header Host must be this server's name with its port. So another name that resolves to this
  machine (DNS rebinding) is refused, also for files.
- The header Origin, if present, must be this server's origin: pages of other origins, or of other
  ports of this machine, are refused.
- The first message of a WebSocket must have the token, which only the person who started the server
  has seen.
- The headers do not allow the page to load anything from elsewhere, nor other pages to frame it.
"""

from __future__ import annotations

import hmac
import secrets
from typing import Any

ADDRESS = "127.0.0.1"
NAMES = (ADDRESS, "localhost")
GREETING_WITHIN = 5.0  # seconds

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def new_token() -> str:
    """Return 256 random bits as text."""
    return secrets.token_urlsafe(32)


def is_own_host(host: str | None, port: int) -> bool:
    """Whether a Host header names this server.

    >>> is_own_host("localhost:8080", 8080), is_own_host("evil.example:8080", 8080)
    (True, False)
    """
    return host is not None and host.lower() in {f"{name}:{port}" for name in NAMES}


def is_own_origin(origin: str | None, port: int) -> bool:
    """Whether an Origin header, if there is one, names this server.

    >>> is_own_origin(None, 8080), is_own_origin("http://127.0.0.1:8081", 8080)
    (True, False)
    """
    if origin is None:
        return True
    return origin.lower() in {f"http://{name}:{port}" for name in NAMES}


def is_token(given: Any, token: str) -> bool:
    """Whether the given text equals the token; the comparison takes constant time."""
    if not isinstance(given, str):
        return False
    return hmac.compare_digest(given.encode(errors="surrogatepass"), token.encode())
