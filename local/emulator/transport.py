"""Lets the emulator's port count as TLS, as every endpoint of AWS can be reached, so that a policy may refuse plain HTTP.

The emulator listens without TLS. It takes a request for one over TLS only if a proxy in front of it says so in the header
X-Forwarded-Proto; without the header, a policy that refuses plain HTTP would refuse everything but the owner. With this
extension a request came over TLS unless that header says otherwise: a test sends `X-Forwarded-Proto: http` to be refused.
"""

from ministack import app

from . import require

require.attributes(app, "app", "pin_request_origin")
_app = app.app


def install():
    """Puts the extension in place."""
    app.app = with_transport


async def with_transport(scope, receive, send):
    """The emulator's own, with the header that says how a request came."""
    headers = scope.get("headers", [])
    if scope["type"] == "http" and not any(name.lower() == b"x-forwarded-proto" for name, _ in headers):
        scope = {**scope, "headers": [*headers, (b"x-forwarded-proto", b"https")]}
    await _app(scope, receive, send)
