# SPDX-License-Identifier: Apache-2.0
"""A CA that is sane until it is told to lie, for what a real step-ca never says.

    with LyingCa(directory) as ca:
        ca.lies["sign"] = LIES["html"]      # from now on POST /sign answers so; del or clear() to be sane again

A lie is data: how the honest answer is changed on its way out, or what is wrong with the certificate it carries.
"""
import base64
import functools
import http.server
import json
import socketserver
import ssl
import threading
import zlib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Callable, Iterable, Optional, Union

from cryptography import x509

from certificates import DAY, Seconds, hierarchy, issue, names_of, new_key, now
from jose import Provisioner, claims_of, header_of

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
    dropped: bool = False  # the connection is closed instead


def honest(answer):
    return answer


@dataclass
class Lie:
    answer: Callable[[Answer], Answer] = honest
    certificate: dict = field(default_factory=dict)  # arguments of issue() that differ
    chain: Callable[["LyingCa", list], list] = lambda ca, chain: chain
    foreign: bool = False  # issued by another hierarchy of the same names
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


HTML = "<!DOCTYPE html><html><body><h1>502 Bad Gateway</h1></body></html>"
CONTROL = "\x1b[2J\x1b]0;owned\x07\r\neverleaf: error: \x9b31m forged \x00 line\n"

# Answers that are wrong whatever was asked.
LIES = {
    "drops the connection": sends(dropped=True),
    "is silent": sends(silent=True),
    "sends the body at one byte a second": Lie(lambda answer: replace(answer, body=b" " * 100 + answer.body, trickle="body")),
    "sends the headers at one byte a second": sends(trickle="headers"),
    "says HTML": says(HTML, Content_Type="text/html"),
    "says HTML with 502": says(HTML, 502, Content_Type="text/html"),
    "says nothing": says(""),
    "cuts its JSON": Lie(cut),
    "closes before the declared end": Lie(lambda answer: replace(cut(answer), declared=len(answer.body))),
    "nests its JSON deeply": says("[" * 1_000_000, Content_Type="application/json"),
    "leaves out the fields": edits(nothing_in),
    "says null in every field": edits(nulls_in),
    "has fields of the wrong type": edits(wrong_types_in),
    "declares and sends 1 GB": sends(body=zeros, declared=GIB),
    "sends 1 GB in chunks": sends(body=zeros, chunked=True),
    "sends 1 GB of headers": sends(headers={"X-Large": zeros}),
    "sends a gzip bomb": Lie(bombed),
    "says 500 in plain text": says("database is locked", 500, Content_Type="text/plain"),
    "says 401 with control characters": refuses(401, CONTROL),
    "says 403 with a megabyte": refuses(403, "no, " * 250_000),
    "says 429 with Retry-After": refuses(429, "slow down", Retry_After="120"),
    "says 429 with an enormous Retry-After": refuses(429, "slow down", Retry_After="99999999999999999999"),
    "says 503 with a date in Retry-After": refuses(503, "later", Retry_After="Fri, 31 Dec 2100 23:59:59 GMT"),
    "says 503 with nonsense in Retry-After": refuses(503, "later", Retry_After="-1, soon\t"),
}
WAITING_LIES = [name for name in LIES if "silent" in name or "one byte" in name]

# Well-formed answers with a certificate that must not be stored.
CERTIFICATE_LIES = {
    "for another key": Lie(certificate={"public_key": new_key().public_key()}),
    "for other names": issues(names=["evil.test"]),
    "for one name more": issues(names=["myuser", "evil.test"]),
    "expired": issues(not_before=now() - 2 * DAY),
    "not yet valid": issues(not_before=now() + DAY),
    "that is a CA": issues(ca=True),
    "leaf only": Lie(chain=lambda ca, chain: chain[:1]),
    "with a chain to nowhere": Lie(chain=lambda ca, chain: [chain[0], ca.foreign.intermediate]),
    "of a foreign root": Lie(foreign=True),
}


def redirects_to(url):
    return Lie(lambda answer: Answer(307, {"Location": url}, b""))


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

    def wait_for(self, endpoint, count=1, seconds=20):
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

    do_GET = do_POST = answer

    def send(self, answer):
        self.close_connection = True
        if answer.silent or answer.late:
            self.recorder.stopped.wait(answer.late or None)
        if answer.silent or answer.dropped:
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


class LyingCa(Recorder):
    def __init__(self, directory, server_certificate="good", lifetime=DAY):
        super().__init__()
        self.directory = Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.lifetime = lifetime  # of what it issues
        self.lies = {}
        self.handshake_lie = ""  # "silent" or "dropped"
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
        context.load_verify_locations(cadata=self.trusted.root.pem + self.trusted.intermediate.pem)
        return context

    def welcome(self, connection):
        if self.handshake_lie == "silent":
            self.stopped.wait()
        if self.handshake_lie:
            connection.close()
            return None
        return self.tls.wrap_socket(connection, server_side=True)

    def trust(self):
        return ["--ca-url", self.url, "--root", self.root_file]

    def credential(self):
        return ["--provisioner", "admin", "--provisioner-password-file", self.password_file]

    def token(self, subject, **claims):
        return self.provisioner.token(subject, f"{self.url}/1.0/sign", **{"sha": self.fingerprint, **claims})

    def reply(self, request, peer):
        lie = self.lies.get(request.endpoint, Lie())
        lie.meanwhile()
        try:
            return lie.answer(getattr(self, f"reply_{request.endpoint}", self.reply_unknown)(request, peer, lie))
        except PermissionError as refusal:
            return lie.answer(Answer(401, body=json.dumps({"status": 401, "message": str(refusal)}).encode()))

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
        subject = old.subject.rfc4514_string().removeprefix("CN=")
        return self.issued(lie, subject, public_key or old.public_key(), names_of(old))

    def issued(self, lie, subject, public_key, names):
        issuer = (self.foreign if lie.foreign else self.trusted).intermediate
        start = now() - min(Seconds(minutes=1), self.lifetime / 20)
        usual = {"public_key": public_key, "names": names, "not_before": start, "lifetime": self.lifetime,
                 "provisioner": ("admin", self.provisioner.kid)}
        leaf = issue(issuer, subject, **{**usual, **lie.certificate})
        chain = [issued.pem for issued in lie.chain(self, [leaf, issuer])]
        return self.ok({"crt": chain[0], "ca": chain[1] if len(chain) > 1 else None, "certChain": chain}, 201)

    def leaf(self, subject="myuser", **differently):
        """A good pair as if this CA had issued it some time ago."""
        usual = {"names": [subject], "lifetime": self.lifetime, "provisioner": ("admin", self.provisioner.kid)}
        return issue(self.trusted.intermediate, subject, **{**usual, **differently})
