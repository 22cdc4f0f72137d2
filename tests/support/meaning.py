# SPDX-License-Identifier: Apache-2.0
"""What the output of a program means, without what differs from run to run: for comparing step with everleaf."""
import json
import re
import stat
from datetime import timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import pkcs12

from certificates import public_bytes
from jose import claims_of, header_of

PEM_BLOCK = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----\n.*?-----END \1-----\n", re.S)
TOKEN = re.compile(r"[\w-]+\.[\w-]+\.[\w-]+")
PASSWORDS = [b"secret", None, b"", b"wrong"]
HEX_ALGORITHMS = {"pbes2": "06092a864886f70d01050d", "aes-256-cbc": "060960864801650304012a",
                  "rc2-40": "060a2a864886f70d010c0106", "3des": "060a2a864886f70d010c0103"}


class Meaning:
    def __init__(self, base, variables):
        self.base = base
        self.names = {str(base / "work"): "$WORK", str(base / "home"): "$HOME",
                      **{str(value): f"${name}" for name, value in variables.items()}}

    def of(self, result, made):
        """An outcome as JSON: status, stdout, stderr, and files by name."""
        files = {}
        for path, entry in made.items():
            if entry is None or isinstance(entry, str):
                files[self.text(path)] = entry and f"-> {entry}"
            elif not stat.S_ISDIR(entry[0]):
                files[self.text(path)] = {"mode": oct(stat.S_IMODE(entry[0])), "is": self.of_bytes(entry[1])}
            elif not path.startswith("work"):
                files[self.text(path) + "/"] = oct(stat.S_IMODE(entry[0]))
        return {"status": result.status, "stdout": self.of_bytes(result.stdout.encode()), "stderr": self.of_stderr(result.stderr),
                "files": files}

    def of_stderr(self, text):
        text = re.sub(r"\x1b\[[0-9;]*m", "", text)
        return self.text(re.sub(r"expires in \S+", "expires in ...", text)).splitlines()

    def text(self, text):
        for value in sorted(self.names, key=len, reverse=True):
            text = text.replace(value, self.names[value])
        return text

    def of_bytes(self, data):
        try:
            text = data.decode()
        except UnicodeDecodeError:
            return self.of_der(data)
        if PEM_BLOCK.search(text):
            rest = PEM_BLOCK.sub("", text)
            return [*(self.of_pem(found) for found in PEM_BLOCK.finditer(text)), *([self.text(rest)] if rest.strip() else [])]
        if TOKEN.fullmatch(text.strip()) and text.startswith("ey"):
            return {"token": self.of_token(text.strip()), "ends with newline": text.endswith("\n")}
        try:
            value = json.loads(text)
            return {"json": self.of_json(value)} if isinstance(value, (dict, list)) else self.text(text)
        except ValueError:
            return self.text(text)

    def of_json(self, value):
        if isinstance(value, dict) and ("kty" in value or "encryptedKey" in value):  # a key that is new with each CA
            volatile = {"x", "y", "kid", "encryptedKey"}
            return {name: len(one) if name in volatile else self.of_json(one) for name, one in value.items()}
        if isinstance(value, dict) and {"roots", "publicKeys"} & set(value):  # of a provisioner: new with each CA
            return {name: "..." if name in ("roots", "publicKeys") else self.of_json(one) for name, one in value.items()}
        if isinstance(value, dict):  # step writes "names" in any order
            return {self.text(name): sorted(one) if name == "names" else self.of_json(one) for name, one in value.items()}
        if isinstance(value, list):
            return [self.of_json(one) for one in value]
        return self.text(value) if isinstance(value, str) else value

    def of_pem(self, found):
        kind, data = found[1], found[0].encode()
        if kind == "CERTIFICATE":
            return self.of_certificate(x509.load_pem_x509_certificate(data))
        if kind == "CERTIFICATE REQUEST":
            return self.of_request(x509.load_pem_x509_csr(data))
        if kind == "PUBLIC KEY":
            try:
                key = serialization.load_pem_public_key(data)
            except ValueError:  # an example in a help text
                return {"form": kind, "unreadable": True}
            return {"public key": key_kind(key), "of": self.files_of(key)}
        if kind.endswith("PRIVATE KEY"):
            for password in PASSWORDS:
                try:
                    key = serialization.load_pem_private_key(data, password)
                except (ValueError, TypeError):
                    continue
                encryption = re.search(r"DEK-Info: ([\w-]+)", found[0])
                return {"form": kind, "key": key_kind(key.public_key()), "password": password and password.decode(),
                        "encryption": encryption and encryption[1], "of": self.files_of(key.public_key())}
        return {"form": kind, "unreadable": True}

    def files_of(self, key):
        """The files whose first certificate or request is for this key."""
        return sorted(file.name for file, data in self.blocks() if public_bytes(data.public_key()) == public_bytes(key))

    def blocks(self):
        for file in sorted((self.base / "work").iterdir()):
            found = PEM_BLOCK.search(file.read_text(errors="replace")) if file.is_file() else None
            if found and found[1] == "CERTIFICATE":
                yield file, x509.load_pem_x509_certificate(found[0].encode())
            elif found and found[1] == "CERTIFICATE REQUEST":
                yield file, x509.load_pem_x509_csr(found[0].encode())

    def of_certificate(self, certificate):
        length = certificate.not_valid_after - certificate.not_valid_before
        old = certificate.not_valid_before.year == 2020  # of the samples
        return {"certificate": text_of(certificate.subject), "issuer": text_of(certificate.issuer),
                "key": key_kind(certificate.public_key()), "extensions": extensions(certificate, old),
                "minutes": round(length / timedelta(minutes=1)),
                "fingerprint": certificate.fingerprint(hashes.SHA256()).hex() if old else None}

    def of_request(self, request):
        return {"request": text_of(request.subject), "key": key_kind(request.public_key()),
                "algorithm": request.signature_algorithm_oid.dotted_string, "valid": request.is_signature_valid,
                "extensions": extensions(request, True)}

    def of_token(self, token):
        header, claims = header_of(token), claims_of(token)
        begin = claims.get("nbf", 0)
        if not claims.get("user"):  # step always sends it, empty
            claims.pop("user", None)
        for name in ("exp", "iat"):
            if name in claims:
                claims[name] = 5 * round((claims[name] - begin) / 5)  # a second may begin while a token is made
        claims.pop("nbf", None)
        if "jti" in claims:
            claims["jti"] = f"{len(claims['jti'])} characters"
        header["kid"] = f"{len(header.get('kid', ''))} characters"
        for member in ("x5c", "x5cInsecure"):
            if member in header:
                header[member] = len(header[member])
                if claims.get("iss") != "step-ca-client/1.0":
                    del header["kid"]  # the name of a file with step
        return self.of_json({"header": header, "claims": claims})

    def of_der(self, data):
        for load, describe in ((x509.load_der_x509_certificate, self.of_certificate), (x509.load_der_x509_csr, self.of_request)):
            try:
                return {"der": describe(load(data))}
            except ValueError:
                pass
        for password in PASSWORDS:
            try:
                found = pkcs12.load_pkcs12(data, password)
            except ValueError:
                continue
            bags = ([found.cert] if found.cert else []) + found.additional_certs
            return {"pkcs12": sorted(json.dumps(self.of_certificate(one.certificate), sort_keys=True) for one in bags),
                    "friendly names": sorted((one.friendly_name or b"").decode() for one in bags),
                    "leaf": found.cert and text_of(found.cert.certificate.subject),
                    "key": found.key and key_kind(found.key.public_key()), "password": password and password.decode(),
                    "matches": found.key and found.cert and public_bytes(found.key.public_key()) == public_bytes(found.cert.certificate.public_key()),
                    "algorithms": [name for name, oid in HEX_ALGORITHMS.items() if bytes.fromhex(oid) in data]}
        return {"bytes": len(data)}


def text_of(name):
    """As RFC 4514 has it; what stands together in a name has no order."""
    return ",".join("+".join(sorted(one.rfc4514_string() for one in together)) for together in reversed(name.rdns))


def extensions(of, with_keys):
    """Each by OID with its bytes, but for those that say which key or issuer it is when that is new each time."""
    of_keys = {"2.5.29.14", "2.5.29.35"}
    return {one.oid.dotted_string: None if one.oid.dotted_string in of_keys and not with_keys else
            f"{'critical ' if one.critical else ''}{one.value.public_bytes().hex()}" for one in of.extensions
            if with_keys or one.oid.dotted_string != "1.3.6.1.4.1.37476.9000.64.1"}


def key_kind(key):
    if isinstance(key, rsa.RSAPublicKey):
        return f"RSA {key.key_size}"
    if isinstance(key, ec.EllipticCurvePublicKey):
        return f"EC {key.curve.name}"
    return "Ed25519" if isinstance(key, ed25519.Ed25519PublicKey) else type(key).__name__
