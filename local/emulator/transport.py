"""A port that counts as TLS, and one that does not, so that a policy may refuse plain HTTP.

Every endpoint of AWS can be reached over TLS, and a policy may ask for it (`aws:SecureTransport`, IAM User Guide, "Global condition
keys"). The emulator listens without TLS: such a policy would refuse everything but the owner. With this extension whatever
arrives on the emulator's port came over TLS, and whatever arrives on PLAIN_PORT, if that is set, did not. The second port is on the
loopback interface, and leads to the same emulator. No header makes a difference.
"""

import contextvars
import os

import hypercorn.asyncio
from ministack import app

from . import require

require.attributes(app, "app", "main", "pin_request_origin")
require.attributes(hypercorn.asyncio, "serve")
_app = app.app
_pin = app.pin_request_origin
_serve = hypercorn.asyncio.serve
_port = os.environ.get("PLAIN_PORT")
# Whether the request at hand came over the second port.
_plain = contextvars.ContextVar("latchkey_plain", default=False)


def install():
    """Puts the extension in place."""
    app.app = with_port
    app.pin_request_origin = pin
    hypercorn.asyncio.serve = serve


async def serve(application, config, **options):
    """The emulator's own, on both ports."""
    if _port:
        config.bind = [*config.bind, f"127.0.0.1:{int(_port)}"]
    await _serve(application, config, **options)


async def with_port(scope, receive, send):
    """The emulator's own, which remembers where a request arrived."""
    _plain.set(bool(_port) and (scope.get("server") or (None, None))[1] == int(_port))
    await _app(scope, receive, send)


def pin(source_ip, _secure):
    """The emulator's own, with what the port says about the transport."""
    _pin(source_ip, not _plain.get())
