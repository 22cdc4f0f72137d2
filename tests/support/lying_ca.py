# SPDX-License-Identifier: Apache-2.0
"""A CA that is sane until it is told to lie, for what a real step-ca never says.

    with LyingCa(directory) as ca:
        ca.lies["sign"] = LIES["html"]      # from now on POST /sign answers so; del or clear() to be sane again

A lie is data: how the honest answer is changed on its way out, or what is wrong with the certificate it carries.
"""
import base64
import functools
import gzip
import http.server
import itertools
import json
import socketserver
import ssl
import threading
import zlib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Callable, Iterable, Optional, Union

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from certificates import DAY, DER, Issued, Seconds, hierarchy, issue, names_of, new_key, now
from jose import Provisioner, claims_of, header_of
from lying_acme import AcmeAnswers

GIB = 1 << 30


@dataclass
class Answer:
    status: int = 200
    headers: dict = field(default_factory=lambda: {"Content-Type": "application/json"})
    body: Union[bytes, Iterable[bytes]] = b""
    declared: Optional[int] = None  # Content-Length, if not that of the body
    chunked: bool = False
    trickle: str = ""  # "body" or "headers": sent at one byte a second
    late: float = 0  # seconds before anything is sent
    silent: bool = False  # nothing is ever sent
    raw: Union[bytes, Callable] = b""  # sent instead of all that
    dropped: bool = False  # the connection is closed instead


def honest(answer):
    return answer


def common_name(certificate):
    return certificate.subject.rfc4514_string().removeprefix("CN=")


@dataclass
class Lie:
    answer: Callable[[Answer], Answer] = honest
    certificate: dict = field(default_factory=dict)  # arguments of issue() that differ
    chain: Callable[["LyingCa", list], list] = lambda ca, chain: chain
    foreign: bool = False  # issued by another hierarchy of the same names
    nothing_new: bool = False  # what it issues is what was presented
    meanwhile: Callable[[], None] = lambda: None  # runs after the request was read, before the answer


def says(body, status=200, **headers):
    """An answer of our own words instead of the honest one."""
    body = body.encode() if isinstance(body, str) else body
    return Lie(lambda answer: Answer(status, {name.replace("_", "-"): value for name, value in headers.items()}, body))


def sends(**changes):
    return Lie(lambda answer: replace(answer, **changes))


def edits(edit):
    """The honest JSON with changes made by `edit`."""
    def changed(answer):
        value = json.loads(answer.body)
        edit(value)
        return replace(answer, body=json.dumps(value).encode())
    return Lie(changed)


def refuses(status, message, **headers):
    return says(json.dumps({"status": status, "message": message}), status, Content_Type="application/json", **headers)


def issues(**wrong):
    return Lie(certificate=wrong)


def zeros(total):
    chunk = b"\0" * (1 << 16)
    return (chunk for _ in range(total // len(chunk)))


@functools.cache
def gzip_of_zeros(total):
    """A gigabyte in a megabyte: one compressed block, repeated."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    header = packer.compress(b"") or b""
    block_size = 1 << 20
    first = packer.compress(b"\0" * block_size) + packer.flush(zlib.Z_FULL_FLUSH)
    block = packer.compress(b"\0" * block_size) + packer.flush(zlib.Z_FULL_FLUSH)
    return header + first + block * (total // block_size - 1)


def without_end(piece):
    """Given to the handler as a body: the piece again and again, a gigabyte in all."""
    return lambda total: (piece * (1 + (1 << 16) // len(piece)) for _ in range(total >> 16))


def bombed(answer):
    return replace(answer, headers={**answer.headers, "Content-Encoding": "gzip"}, body=gzip_of_zeros(GIB))


def cut(answer):
    return replace(answer, body=answer.body[: len(answer.body) // 2])


def nothing_in(value):
    value.clear()


def nulls_in(value):
    value.update(dict.fromkeys(value))


def wrong_types_in(value):
    value.update(dict.fromkeys(value, 7))


def in_utf16(answer):
    return replace(answer, body=answer.body.decode().encode("utf-16"))


def shorter(answer):
    return replace(answer, declared=len(answer.body) - 10)


def compressed(answer):
    return replace(answer, headers={**answer.headers, "Content-Encoding": "gzip"}, body=gzip.compress(answer.body))


def raw(*pieces, then=None):
    """These bytes, then perhaps a piece without end."""
    start = b"".join(piece.encode() if isinstance(piece, str) else piece for piece in pieces)
    return sends(raw=start if then is None else lambda total: itertools.chain([start], without_end(then)(total)))


def adds(**headers):
    return Lie(lambda answer: replace(answer, headers={**answer.headers, **headers}))


HTML = "<!DOCTYPE html><html><body><h1>502 Bad Gateway</h1></body></html>"
CONTROL = "\x1b[2J\x1b]0;owned\x07\r\neverleaf: error: \x9b31m forged \x00 line\n\u202e"
JSON = "application/json"
OK = "HTTP/1.1 200 OK\r\n"
RETRY_AFTER = {"0": "0", "a negative": "-1", "a fraction": "1.5", "two minutes": "120", "an enormous": "9" * 20, "no": "",
               "nonsense as": "soon\t", "a date long past in": "Fri, 31 Dec 1999 23:59:59 GMT",
               "a date far ahead in": "Fri, 31 Dec 2100 23:59:59 GMT", "endless digits in": "1" * 30_000}
H2_SETTINGS, H2_RESET, H2_PING = b"\0\0\0\4\0\0\0\0\0", b"\0\0\4\3\0\0\0\0\1\0\0\0\2", b"\0\0\x08\6\0\0\0\0\0" + b"12345678"

# Answers that are wrong whatever was asked.
LIES = {
    "drops the connection": sends(dropped=True),
    "is silent": sends(silent=True),
    "sends the body at one byte a second": Lie(lambda answer: replace(answer, body=b" " * 100 + answer.body, trickle="body")),
    "sends the headers at one byte a second": sends(trickle="headers"),
    "says HTML": says(HTML, Content_Type="text/html"),
    "says HTML with 502": says(HTML, 502, Content_Type="text/html"),
    "says nothing": says(""),
    "says 204": says("", 204),
    "says 304": says("", 304),
    "says status 999": says("{}", 999),
    "cuts its JSON": Lie(cut),
    "says its JSON in UTF-16": Lie(in_utf16),
    "says its JSON twice": Lie(lambda answer: replace(answer, body=answer.body * 2)),
    "says a text": says('"yes"', Content_Type=JSON),
    "says a list": says("[{}]", Content_Type=JSON),
    "says null": says("null", Content_Type=JSON),
    "says a number that is no number": says('{"status": 1e400000, "message": -0e-99999}', Content_Type=JSON),
    "nests its JSON deeply": says("[" * 1_000_000, Content_Type=JSON),
    "has a hundred thousand fields": says(json.dumps({str(i): i for i in range(100_000)}), Content_Type=JSON),
    "has a list of a hundred thousand in each field": edits(lambda value: value.update(dict.fromkeys(value, [[]] * 100_000))),
    "leaves out the fields": edits(nothing_in),
    "says null in every field": edits(nulls_in),
    "has fields of the wrong type": edits(wrong_types_in),
    "closes before the declared end": Lie(lambda answer: replace(cut(answer), declared=len(answer.body))),
    "declares too few bytes": Lie(shorter),
    "declares a negative length": sends(declared=-1),
    "declares a length that is no number": sends(declared="many"),
    "declares two lengths": raw(OK, "Content-Length: 2\r\nContent-Length: 20\r\n\r\n", "{}"),
    "declares and sends 1 GB": sends(body=zeros, declared=GIB),
    "sends 1 GB in chunks": sends(body=zeros, chunked=True),
    "sends 1 GB of headers": sends(headers={"X-Large": zeros}),
    "sends 1 GB in one header": raw(OK, "X-Large: ", then=b"x"),
    "sends 1 GB in its first line": raw("HTTP/1.1 200 ", then=b"x"),
    "sends 1 GB of trailers": raw(OK, "Transfer-Encoding: chunked\r\n\r\n0\r\n", then=b"X-Large: x\r\n"),
    "continues for ever": raw(then=b"HTTP/1.1 100 Continue\r\n\r\n"),
    "hints for ever": raw(then=b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"),
    "sends chunks of nonsense": raw(OK, "Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n"),
    "sends a chunk longer than any": raw(OK, "Transfer-Encoding: chunked\r\n\r\n", "F" * 17, "\r\n{}\r\n"),
    "sends bytes that are not HTTP": raw(bytes(range(256))),
    "sends nul bytes in a header": raw(OK, "X: \0\0\r\nContent-Length: 2\r\n\r\n{}"),
    "speaks HTTP/2 and resets": raw(H2_SETTINGS, H2_RESET),
    "floods with HTTP/2": raw(H2_SETTINGS, then=H2_PING),
    "switches to HTTP/2": raw("HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n", H2_SETTINGS),
    "sends a gzip bomb": Lie(bombed),
    "compresses unasked": Lie(compressed),
    "only says that it compresses": Lie(lambda answer: replace(cut(answer), headers={"Content-Encoding": "gzip"})),
    "says 500 in plain text": says("database is locked", 500, Content_Type="text/plain"),
    "says 500 in control characters": says(CONTROL, 500, Content_Type="text/plain"),
    "says 401 with control characters": refuses(401, CONTROL),
    "says 403 with a megabyte": refuses(403, "no, " * 250_000),
    "says 403 with a line of controls": raw(f"HTTP/1.1 403 {CONTROL.encode('ascii', 'ignore').decode()}\r\nContent-Length: 0\r\n\r\n"),
    "says 403 with a message that is no text": says('{"status": 403, "message": [{"a": 1}]}', 403, Content_Type=JSON),
    **{f"says {status} with {how} Retry-After": refuses(status, "slow down", Retry_After=value)
       for status in (429, 503) for how, value in RETRY_AFTER.items()},
}
WAITING_LIES = [name for name in LIES if "silent" in name or "one byte" in name]
# Answers that are strange, but say what was asked.
HARMLESS = {
    "has a clock of 1970": adds(Date="Thu, 01 Jan 1970 00:00:00 GMT"),
    "has a clock of 2100": adds(Date="Fri, 31 Dec 2100 23:59:59 GMT"),
    "has a clock of nonsense": adds(Date="noon"),
    "sets cookies": adds(**{"Set-Cookie": "a=" + "b" * 4000}),
}
# Instead of a TLS handshake; a text is a kind of LyingCa.server_context().
HANDSHAKE_LIES = {
    "drops": b"", "talks HTTP": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", "talks nonsense": bytes(range(255, 0, -1)),
    "sends an alert": b"\x15\3\3\0\2\2\x28", "sends an alert that is none": b"\x15\3\3\0\2\xff\xff",
    "ends after the handshake": "good", "speaks only TLS 1.1": "TLS 1.1",
    "sends a record of 64 KB": b"\x16\3\3\xff\xff" + b"\0" * 65535, "greets with an empty record": b"\x16\3\3\0\0" * 10_000,
}
WAITING_HANDSHAKES = ["is silent", "stops in the middle"]

# The fields of honest answers, and what may be in one instead: nothing or something else than is said there.
FIELDS = {
    "health": ["status"], "root": ["ca"], "roots": ["crts", "crts.0"],
    "provisioners": ["provisioners", "provisioners.0", "provisioners.0.type", "provisioners.0.name", "provisioners.0.key",
                     "provisioners.0.key.kid", "provisioners.0.encryptedKey", "nextCursor"],
    **{endpoint: ["crt", "ca", "certChain", "certChain.0", "certChain.1"] for endpoint in ("sign", "renew", "rekey")},
    "acme_directory": ["newNonce", "newAccount", "newOrder", "meta", "meta.externalAccountRequired"],
    **{endpoint: ["status", "authorizations", "authorizations.0", "finalize"] for endpoint in ("acme_order", "acme_orders")},
    "acme_authorization": ["status", "identifier", "identifier.value", "challenges", "challenges.0", "challenges.0.type",
                           "challenges.1.type", "challenges.1.url", "challenges.1.token", "challenges.1.status"],
    "acme_challenge": ["status", "type", "url", "token"],
    "acme_finalize": ["status", "certificate", "finalize"],
    "acme_certificate": [],
}
MISSING = object()
VALUES = {"missing": MISSING, "null": None, "a number": 7, "a list": [[]], "an object": {"": {}}, "an empty text": "",
          "controls": CONTROL, "a megabyte": "x" * (1 << 20)}


def has_in(path, value):
    """The honest answer, but for one field of it."""
    def edit(answer):
        *parents, last = path.split(".")
        for name in parents:
            answer = answer[int(name) if isinstance(answer, list) else name]
        last = int(last) if isinstance(answer, list) else last
        if value is MISSING:
            del answer[last]
        else:
            answer[last] = value
    return edits(edit)


def field_lies(endpoint):
    return {f"has {what} for {path}": has_in(path, value) for path in FIELDS[endpoint] for what, value in VALUES.items()}


@dataclass
class Words:
    pem: str  # which is none


def broken(issued):
    der = bytearray(issued.certificate.public_bytes(DER))
    der[-1] ^= 1  # the end of the signature
    return Words(f"-----BEGIN CERTIFICATE-----\n{base64.encodebytes(bytes(der)).decode()}-----END CERTIFICATE-----\n")


def chain(change):
    return Lie(chain=change)


# Well-formed answers with a certificate that must not be stored; not even as a first one.
CERTIFICATE_LIES = {
    "for another key": Lie(certificate={"public_key": new_key().public_key()}),
    "for other names": issues(names=["evil.test"]),
    "without names": issues(names=[]),
    "expired": issues(not_before=now() - 2 * DAY),
    "expired years ago": issues(not_before=now() - 3650 * DAY),
    "not yet valid": issues(not_before=now() + DAY),
    "not valid for years": issues(not_before=now() + 3650 * DAY),
    "that is a CA": issues(ca=True),
    "not for TLS": issues(purposes=[ExtendedKeyUsageOID.CODE_SIGNING]),
    "leaf only": chain(lambda ca, made: made[:1]),
    "with a chain to nowhere": chain(lambda ca, made: [made[0], ca.foreign.intermediate]),
    "with the chain upside down": chain(lambda ca, made: made[::-1]),
    "with the chain out of order": chain(lambda ca, made: [made[0], ca.trusted.root, made[1]]),
    "that is the CA's own": chain(lambda ca, made: [ca.trusted.intermediate, ca.trusted.root]),
    "that is the root": chain(lambda ca, made: [ca.trusted.root]),
    "of a foreign root": Lie(foreign=True),
    "with a broken signature": chain(lambda ca, made: [broken(made[0]), made[1]]),
    "under one with a broken signature": chain(lambda ca, made: [made[0], broken(made[1])]),
    "that is a key": chain(lambda ca, made: [Words(ca.foreign.root.key_pem), made[1]]),
    "cut": chain(lambda ca, made: [Words(made[0].pem[:300]), made[1]]),
    "with a thousand above it": chain(lambda ca, made: [made[0], *[ca.foreign.intermediate] * 1000]),
}
# Where one is replaced, it also has to be like that one.
REPLACEMENT_LIES = {
    "for one name more": issues(names=["myuser", "evil.test"]),
    "for another subject": issues(subject="evil.test"),
    "for servers only": issues(purposes=[ExtendedKeyUsageOID.SERVER_AUTH]),
    "that ends before the old one": issues(lifetime=Seconds(seconds=30)),
    "that is the old one": Lie(nothing_new=True),
}


def redirects_to(url, status=307):
    return Lie(lambda answer: Answer(status, {"Location": url}, b""))


@dataclass
class Request:
    method: str
    path: str
    headers: dict
    body: bytes

    @property
    def endpoint(self):
        return self.path.partition("?")[0].removeprefix("/1.0").split("/")[1]


class Recorder:
    """A threaded server that remembers every request, and lets a test await one."""

    def __init__(self):
        self.requests = []
        self.changed = threading.Condition()
        self.stopped = threading.Event()
        self.server = None

    def record(self, request):
        with self.changed:
            self.requests.append(request)
            self.changed.notify_all()

    def asked(self, endpoint):
        return [request for request in self.requests if request.endpoint == endpoint]

    def wait_for(self, endpoint, count=1, seconds=60):
        """Until `count` requests to `endpoint` were read since the start."""
        with self.changed:
            came = self.changed.wait_for(lambda: len(self.asked(endpoint)) >= count, seconds)
        assert came, f"only {len(self.asked(endpoint))} requests to {endpoint} within {seconds} s"

    def listen(self, port, handler):
        recorder = self

        class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
            daemon_threads, block_on_close, request_queue_size, allow_reuse_address = True, False, 64, True

            def finish_request(self, connection, peer):  # in the thread of this connection
                connection = recorder.welcome(connection)
                if connection:
                    handler(connection, peer, recorder)
                    connection.close()

            def handle_error(self, request, peer):
                pass  # clients that go away are the purpose

        self.server = Server(("127.0.0.1", port), handler)
        self.port = self.server.server_address[1]
        self.stopped.clear()
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def welcome(self, connection):
        return connection

    def stop(self):
        if self.server:
            self.stopped.set()
            self.server.shutdown()
            self.server.server_close()
            self.server = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, connection, peer, recorder):
        self.recorder = recorder
        super().__init__(connection, peer, recorder.server)

    def log_message(self, *_):
        pass

    def read_request(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        request = Request(self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, body)
        self.recorder.record(request)
        return request

    def answer(self):
        request = self.read_request()
        peer = self.connection.getpeercert(binary_form=True) if isinstance(self.connection, ssl.SSLSocket) else None
        self.send(self.recorder.reply(request, peer and x509.load_der_x509_certificate(peer)))

    do_GET = do_POST = do_HEAD = answer

    def send(self, answer):
        self.close_connection = True
        if answer.silent or answer.late:
            self.recorder.stopped.wait(answer.late or None)
        if answer.silent or answer.dropped:
            return
        if answer.raw:
            for piece in answer.raw(GIB) if callable(answer.raw) else [answer.raw]:
                self.wfile.write(piece)
            return
        body = answer.body(GIB) if callable(answer.body) else answer.body
        declared = answer.declared if answer.declared is not None else len(body) if isinstance(body, bytes) else 0
        framing = {"Transfer-Encoding": "chunked"} if answer.chunked else {"Content-Length": str(declared)}
        self.write(f"HTTP/1.1 {answer.status} Answer\r\n".encode(), answer.trickle == "headers")
        for name, value in {**answer.headers, **framing, "Connection": "close"}.items():
            if callable(value):
                for piece in value(GIB):
                    self.wfile.write(f"{name}: ".encode() + b"x" * 4000 + b"\r\n")
            else:
                self.write(f"{name}: {value}\r\n".encode(), answer.trickle == "headers")
        self.wfile.write(b"\r\n")
        for piece in [body] if isinstance(body, bytes) else body:
            piece = b"%x\r\n%b\r\n" % (len(piece), piece) if answer.chunked else piece
            self.write(piece, answer.trickle == "body")
        if answer.chunked:
            self.wfile.write(b"0\r\n\r\n")

    def write(self, data, trickling):
        if not trickling:
            self.wfile.write(data)
            return
        for byte in data:
            self.wfile.write(bytes([byte]))
            if self.recorder.stopped.wait(1):
                raise ConnectionAbortedError


class PlainHttp(Recorder):
    """Where a redirect must not lead: it remembers what it was told in clear."""

    def __init__(self):
        super().__init__()
        self.listen(0, Handler)
        self.url = f"http://127.0.0.1:{self.port}"

    def reply(self, request, peer):
        return Answer(body=b"{}")


class LyingCa(AcmeAnswers, Recorder):
    def __init__(self, directory, server_certificate="good", lifetime=DAY):
        super().__init__()
        self.directory = Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.lifetime = lifetime  # of what it issues
        self.lies = {}
        self.lies_to = {}  # by the subject that asks for a certificate, whatever the endpoint
        self.handshake_lie = ""
        self.provisioner = Provisioner("admin")
        self.provisioners = [self.provisioner.configuration()]
        self.password_file = self.directory / "password"
        self.password_file.write_text(self.provisioner.password)
        self.trusted, self.foreign = hierarchy(), hierarchy()
        self.root_file, self.fingerprint = self.directory / "root.crt", self.trusted.root.fingerprint
        self.trusted.root.save(self.root_file)
        self.tls = self.server_context(server_certificate)
        self.listen(0, Handler)

    @property
    def url(self):
        return f"https://127.0.0.1:{self.port}"

    def start(self):
        self.listen(self.port, Handler)

    def server_context(self, kind):
        names = ["elsewhere.test", "127.9.9.9"] if kind == "for another host" else ["localhost", "127.0.0.1"]
        issuer = (self.foreign if kind == "of an unknown CA" else self.trusted).intermediate
        start = now() - 2 * DAY if kind == "expired" else None
        certificate, key = self.directory / "server.crt", self.directory / "server.key"
        issue(issuer, "Lying CA", names=names, not_before=start).save(certificate, key)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        context.verify_mode = ssl.CERT_OPTIONAL
        if kind == "TLS 1.1":
            context.set_ciphers("ALL:@SECLEVEL=0")
            context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
        context.load_verify_locations(cadata=self.trusted.root.pem + self.trusted.intermediate.pem)
        return context

    def welcome(self, connection):
        if not self.handshake_lie:
            return self.tls.wrap_socket(connection, server_side=True)
        lie = HANDSHAKE_LIES.get(self.handshake_lie)
        if isinstance(lie, str):
            self.server_context(lie).wrap_socket(connection, server_side=True).close()
            return None
        connection.recv(1)  # of what the client says first
        if self.handshake_lie == "stops in the middle":
            connection.sendall(b"\x16\3\3\0\x7a\2\0")  # of a ServerHello
        if self.handshake_lie in WAITING_HANDSHAKES:
            self.stopped.wait()
        else:
            connection.sendall(lie)
        connection.close()
        return None

    def trust(self):
        return ["--ca-url", self.url, "--root", self.root_file]

    def credential(self):
        return ["--provisioner", "admin", "--provisioner-password-file", self.password_file]

    def token(self, subject, **claims):
        return self.provisioner.token(subject, f"{self.url}/1.0/sign", **{"sha": self.fingerprint, **claims})

    def reply(self, request, peer):
        lie = self.lies.get(request.endpoint) or self.lies_to and self.lies_to.get(self.subject_of(request, peer)) or Lie()
        lie.meanwhile()
        try:
            return lie.answer(getattr(self, f"reply_{request.endpoint}", self.reply_unknown)(request, peer, lie))
        except PermissionError as refusal:
            return lie.answer(Answer(401, body=json.dumps({"status": 401, "message": str(refusal)}).encode()))

    def subject_of(self, request, peer):
        """Whose certificate is asked for, if any."""
        if request.endpoint == "sign":
            return claims_of(json.loads(request.body)["ott"])["sub"]
        return common_name(self.holder(request, peer)) if request.endpoint in ("renew", "rekey") else None

    def ok(self, value, status=200):
        return Answer(status, body=json.dumps(value).encode() + b"\n")

    def reply_unknown(self, request, peer, lie):
        return Answer(404, {"Content-Type": "text/plain"}, b"404 page not found\n")

    def reply_health(self, request, peer, lie):
        return self.ok({"status": "ok"})

    def reply_version(self, request, peer, lie):
        return self.ok({"version": "0.30.2"})

    def reply_root(self, request, peer, lie):
        return self.ok({"ca": self.trusted.root.pem})

    def reply_roots(self, request, peer, lie):
        return self.ok({"crts": [self.trusted.root.pem]}, 201)

    def reply_provisioners(self, request, peer, lie):
        if request.path.endswith("/encrypted-key"):
            return self.ok({"key": self.provisioner.encrypted_key})
        return self.ok({"provisioners": self.provisioners, "nextCursor": ""})

    def reply_sign(self, request, peer, lie):
        asked = json.loads(request.body)
        claims = claims_of(asked["ott"])
        csr = x509.load_pem_x509_csr(asked["csr"].encode())
        return self.issued(lie, claims["sub"], csr.public_key(), claims.get("sans") or [claims["sub"]])

    def reply_renew(self, request, peer, lie):
        return self.again(self.holder(request, peer), None, lie)

    def reply_rekey(self, request, peer, lie):
        if not peer:
            raise PermissionError("missing client certificate")
        csr = x509.load_pem_x509_csr(json.loads(request.body)["csr"].encode())
        return self.again(peer, csr.public_key(), lie)

    def holder(self, request, peer):
        """The certificate that asks: of the handshake, or of the token with which an expired one is renewed."""
        if peer:
            return peer
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme != "Bearer":
            raise PermissionError("missing client certificate")
        return x509.load_der_x509_certificate(base64.b64decode(header_of(token)["x5cInsecure"][0]))

    def again(self, old, public_key, lie):
        if lie.nothing_new:
            lie = replace(lie, chain=lambda ca, made: [Issued(old), made[1]])
        return self.issued(lie, common_name(old), public_key or old.public_key(), names_of(old))

    def issued(self, lie, subject, public_key, names):
        issuer = (self.foreign if lie.foreign else self.trusted).intermediate
        start = now() - min(Seconds(minutes=1), self.lifetime / 20)
        usual = {"public_key": public_key, "names": names, "not_before": start, "lifetime": self.lifetime,
                 "provisioner": ("admin", self.provisioner.kid)}
        leaf = issue(issuer, **{"subject": subject, **usual, **lie.certificate})
        chain = [issued.pem for issued in lie.chain(self, [leaf, issuer])]
        return self.ok({"crt": chain[0], "ca": chain[1] if len(chain) > 1 else None, "certChain": chain}, 201)

    def leaf(self, subject="myuser", **differently):
        """A good pair as if this CA had issued it some time ago."""
        usual = {"names": [subject], "lifetime": self.lifetime, "provisioner": ("admin", self.provisioner.kid)}
        return issue(self.trusted.intermediate, subject, **{**usual, **differently})
