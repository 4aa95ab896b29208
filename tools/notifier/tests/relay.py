"""A mail relay for the tests: aiosmtpd, which misbehaves as it is told.

The only argument is JSON: `certificate` and `key` (PEM files), and as needed `login` (name and password), `starttls` (false: not
offered), `silent` ("connect" or "data"), and replies in place of good ones: `recipients` (address to reply), `data` (a list, one for
each mail, then good ones). With `injected`, replies in plain text, it is no relay: it sends them right behind its reply to STARTTLS, and
then reads without a word. It prints its port, and then each mail that it took as a line of JSON. It ends with its standard input.
"""

import asyncio
import email
import email.policy
import json
import os
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult

told = json.loads(sys.argv[1])
replies = list(told.get("data", []))


def say(line):
    print(line, flush=True)


class Relay:
    """The hooks of aiosmtpd."""

    async def handle_RCPT(self, server, session, envelope, address, options):
        reply = told.get("recipients", {}).get(address)
        if reply is None:
            envelope.rcpt_tos.append(address)
        return reply or "250 OK"

    async def handle_DATA(self, server, session, envelope):
        if told.get("silent") == "data":
            await asyncio.Event().wait()
        if replies:
            return replies.pop(0)
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        say(json.dumps({
            "from": envelope.mail_from, "to": envelope.rcpt_tos, "subject": mail["Subject"], "headers": sorted(mail.keys()),
            "messageId": mail["Message-ID"], "text": mail.get_body(("plain",)).get_content(),
            "html": mail.get_body(("html",)).get_content(), "user": session.auth_data, "tls": session.ssl is not None,
        }))
        return "250 OK"


def authenticate(server, session, envelope, mechanism, data):
    is_right = [data.login.decode(), data.password.decode()] == told["login"]
    return AuthResult(success=is_right, handled=False, auth_data=data.login.decode())


class Silent(asyncio.Protocol):
    """Takes connections and says nothing."""


async def inject(reader, writer):
    """What somebody between client and relay can send before TLS begins."""
    writer.write(b"220 localhost ESMTP\r\n")
    await reader.readline()
    writer.write(b"250-localhost\r\n250 STARTTLS\r\n")
    await reader.readline()
    writer.write(b"220 Go ahead\r\n" + told["injected"].encode())
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(told["certificate"], told["key"])
    await writer.start_tls(tls)
    await reader.read()


def protocol():
    if told.get("silent") == "connect":
        return Silent()
    tls = None
    if told.get("starttls", True):
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(told["certificate"], told["key"])
    return SMTP(
        Relay(), hostname="localhost", tls_context=tls, require_starttls=tls is not None,
        authenticator=authenticate if "login" in told else None, auth_required="login" in told,
    )


async def main():
    loop = asyncio.get_running_loop()
    if "injected" in told:
        server = await asyncio.start_server(inject, "127.0.0.1", 0)
    else:
        server = await loop.create_server(protocol, "127.0.0.1", 0)
    say(server.sockets[0].getsockname()[1])
    await loop.run_in_executor(None, sys.stdin.read)
    # Not by falling out of the loop: a silent handler would be waited for.
    sys.stdout.flush()
    os._exit(0)


asyncio.run(main())
