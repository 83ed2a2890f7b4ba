"""A mail server (aiosmtpd) that writes down each mail that it takes, as Python's own mail parser reads it.

server.py PORT FOLDER starttls|tls|bare CERTIFICATE KEY

It takes the user `shop` with the password in FOLDER/password, and mails from nobody else. FOLDER/answers holds what it
says to the next mails, a line each; whatever comes after them is taken. One that is told `late` is taken and answered when
there is FOLDER/speak. While there is FOLDER/silent, connections are taken and nothing is said on them, and while there is
FOLDER/utf8, addresses of any letters are taken. FOLDER/mails.jsonl has a mail a line, and
FOLDER/signed-in one for each attempt to sign in, with whether it came over TLS.
"""

import asyncio
import email
import email.policy
import html.parser
import json
import pathlib
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult

PORT, FOLDER, MODE, CERTIFICATE, KEY = sys.argv[1:]
FOLDER = pathlib.Path(FOLDER)


class Page(html.parser.HTMLParser):
    """The elements of a page that are open, closed and left open, and its text."""

    def __init__(self):
        super().__init__()
        self.elements, self.open, self.words, self.links, self.wrong = [], [], [], [], []

    def handle_starttag(self, tag, attributes):
        self.elements.append(tag)
        names = [name for name, _ in attributes]
        self.links += [value for name, value in attributes if name in ("href", "src", "background")]
        self.wrong += [f"{tag} has {name}" for name in names if name.startswith("on")]
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append(f"</{tag}> closes nothing")

    def handle_data(self, text):
        self.words.append(text)


def page(text):
    reader = Page()
    reader.feed(text)
    reader.close()
    return {"elements": reader.elements, "links": reader.links, "text": "".join(reader.words),
            "wrong": reader.wrong + [f"{tag} stays open" for tag in reader.open]}


def secure(server):
    return server.transport.get_extra_info("ssl_object") is not None


def described(message, server, session, envelope):
    parts = [{"type": part.get_content_type(), "charset": part.get_content_charset(),
              "text": part.get_content(), "defects": [repr(d) for d in part.defects]}
             for part in message.walk() if not part.is_multipart()]
    return {
        "from": envelope.mail_from, "to": envelope.rcpt_tos, "tls": secure(server),
        "user": session.auth_data and session.auth_data.login.decode(),
        "type": message.get_content_type(), "defects": [repr(d) for d in message.defects],
        "headers": [[name, str(value)] for name, value in message.items()],
        "longestLine": max(map(len, envelope.content.split(b"\r\n"))), "ascii": envelope.content.isascii(),
        "parts": parts, "page": next((page(p["text"]) for p in parts if p["type"] == "text/html"), None),
    }


def append(name, value):
    with open(FOLDER / name, "a", encoding="utf-8") as out:
        out.write(json.dumps(value) + "\n")


class Office:
    async def handle_DATA(self, server, session, envelope):
        answers = FOLDER / "answers"
        lines = answers.read_text().splitlines() if answers.exists() else []
        if lines:
            answers.write_text("".join(line + "\n" for line in lines[1:]))
            if lines[0] != "late":
                return lines[0]
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        append("mails.jsonl", described(message, server, session, envelope))
        while lines and not (FOLDER / "speak").exists():
            await asyncio.sleep(0.02)
        return "250 taken"


def authenticate(server, session, envelope, mechanism, login):
    append("signed-in", {"tls": secure(server), "mechanism": mechanism})
    password = (FOLDER / "password").read_text()
    right = login.login == b"shop" and login.password == password.encode()
    return AuthResult(success=right, auth_data=login, handled=right)


async def main():
    loop = asyncio.get_running_loop()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(CERTIFICATE, KEY)

    def connection():
        if (FOLDER / "silent").exists():
            return asyncio.Protocol()
        # Without TLS it still offers to sign in: nobody should.
        return SMTP(Office(), hostname="mail.test", authenticator=authenticate, auth_required=True,
                    auth_require_tls=MODE == "starttls", loop=loop,
                    enable_SMTPUTF8=(FOLDER / "utf8").exists(), tls_context=context if MODE == "starttls" else None, require_starttls=MODE == "starttls")

    server = await loop.create_server(connection, "127.0.0.1", int(PORT), ssl=context if MODE == "tls" else None)
    print("ready", flush=True)
    await server.serve_forever()


asyncio.run(main())
