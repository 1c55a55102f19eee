"""An SMTP server for tests, on aiosmtpd: it keeps what it accepts, and misbehaves on request.

usage: server.py FOLDER

FOLDER has the certificate `server.crt` and its key `server.key`. The server writes `ports.json` when
it listens, and appends each accepted mail to `mails.jsonl` before it says so to the client.

What is before the @ of a recipient decides what happens to a mail:

    refused      550 to RCPT           deferred     451 to RCPT
    unwanted     554 to the content    hanging      no reply to the content
    closing      the connection is closed instead of a reply to the content
    forbidden    530 to RCPT: other credentials are needed
"""

import asyncio
import json
import os
import ssl
import sys
from pathlib import Path

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

USER, PASSWORD = b"app@example.com", b"hunter/2"

RCPT_REPLIES = {
    "refused": "550 5.1.1 No such mailbox",
    "deferred": "451 4.3.2 Try again later",
    "forbidden": "530 5.7.0 Authentication required",
}


class Handler:
    """Accepts or refuses as the recipient says."""

    def __init__(self, folder: Path) -> None:
        self.mails = folder / "mails.jsonl"
        self.connections: list[object] = []

    async def handle_RCPT(self, server, session, envelope, address, options):
        reply = RCPT_REPLIES.get(address.partition("@")[0])
        if reply is None:
            envelope.rcpt_tos.append(address)
            reply = "250 OK"
        return reply

    async def handle_DATA(self, server, session, envelope):
        name = envelope.rcpt_tos[0].partition("@")[0]
        if name == "hanging":
            await asyncio.Event().wait()
        if name == "closing":
            server.transport.close()
            return "421 4.3.0 Closing"
        if name == "unwanted":
            return "554 5.7.1 Unwanted content"
        if session not in self.connections:
            self.connections.append(session)
        mail = {
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "content": envelope.content.decode(),
            "connection": self.connections.index(session),
            "hello": session.host_name,
            "tls": server.is_encrypted(),
            "user": session.auth_data.decode() if session.auth_data else None,
        }
        with self.mails.open("a") as file:
            file.write(json.dumps(mail) + "\n")
        return "250 OK"


class Server(SMTP):
    """Knows whether its connection is encrypted, in either way."""

    def is_encrypted(self) -> bool:
        return self.transport.get_extra_info("ssl_object") is not None


def authenticate(server, session, envelope, mechanism, data):
    assert isinstance(data, LoginPassword)
    if (data.login, data.password) == (USER, PASSWORD):
        return AuthResult(success=True, auth_data=data.login)
    return AuthResult(success=False, handled=False)


async def main(folder: Path) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "server.crt", folder / "server.key")
    handler = Handler(folder)
    # Each kind of server, and whether it encrypts from the first byte.
    kinds = {
        "plain": (None, {}),
        "plain_auth": (None, {"authenticator": authenticate, "auth_required": True, "auth_require_tls": False}),
        "starttls": (None, {"tls_context": context, "require_starttls": True}),
        "starttls_auth": (None, {"tls_context": context, "authenticator": authenticate, "auth_required": True}),
        "tls_auth": (context, {"authenticator": authenticate, "auth_required": True, "auth_require_tls": False}),
    }
    loop = asyncio.get_running_loop()
    ports = {}
    for kind, (implicit, options) in kinds.items():

        def factory(options=options):
            return Server(handler, hostname="mail.example.com", enable_SMTPUTF8=False, **options)

        server = await loop.create_server(factory, "127.0.0.1", 0, ssl=implicit)
        ports[kind] = server.sockets[0].getsockname()[1]
    # Under its name only when it is complete.
    (folder / "ports.tmp").write_text(json.dumps(ports))
    os.rename(folder / "ports.tmp", folder / "ports.json")
    await asyncio.Event().wait()


asyncio.run(main(Path(sys.argv[1])))
