# SPDX-License-Identifier: Apache-2.0
"""The little JOSE that a provisioner needs: its key as a JWK, encrypted by a password, and tokens signed with it."""
import base64
import hashlib
import json
import os
import time

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC
from cryptography.hazmat.primitives.keywrap import aes_key_wrap

from certificates import new_key


def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def compact(value):
    return json.dumps(value, separators=(",", ":")).encode()


def claims_of(token):
    return json.loads(decode(token.split(".")[1]))


def header_of(token):
    return json.loads(decode(token.split(".")[0]))


def encrypt(plaintext, password, iterations=1000):
    """RFC 7516 compact serialization with PBES2-HS256+A128KW and A256GCM, as step-ca stores provisioner keys."""
    salt, content_key, iv = os.urandom(16), os.urandom(32), os.urandom(12)
    header = compact({"alg": "PBES2-HS256+A128KW", "cty": "jwk+json", "enc": "A256GCM", "p2c": iterations,
                      "p2s": encode(salt)})
    derivation = PBKDF2HMAC(hashes.SHA256(), 16, b"PBES2-HS256+A128KW\0" + salt, iterations)
    wrapped = aes_key_wrap(derivation.derive(password.encode()), content_key)
    sealed = AESGCM(content_key).encrypt(iv, plaintext, encode(header).encode())
    return ".".join(encode(part) for part in (header, wrapped, iv, sealed[:-16], sealed[-16:]))


class Provisioner:
    """A JWK provisioner: what step-ca's configuration lists, and what makes one-time tokens."""

    def __init__(self, name, password="secret", claims=None, iterations=1000):
        self.name, self.password, self.claims = name, password, claims
        self.key = new_key()
        numbers = self.key.private_numbers()
        public = {"crv": "P-256", "kty": "EC", "x": encode(numbers.public_numbers.x.to_bytes(32, "big")),
                  "y": encode(numbers.public_numbers.y.to_bytes(32, "big"))}
        self.kid = encode(hashlib.sha256(compact(public)).digest())
        self.public = {"use": "sig", "alg": "ES256", "kid": self.kid, **public}
        private = {**self.public, "d": encode(numbers.private_value.to_bytes(32, "big"))}
        self.encrypted_key = encrypt(compact(private), password, iterations)

    def configuration(self):
        known = {"type": "JWK", "name": self.name, "key": self.public, "encryptedKey": self.encrypted_key}
        return {**known, "claims": self.claims} if self.claims else known

    def token(self, subject, audience, made=None, **claims):
        """A token for `audience`, signed now or at the Unix time `made`; `claims` add to or replace the usual ones."""
        made = int(time.time()) if made is None else int(made)
        usual = {"iss": self.name, "sub": subject, "aud": audience, "sans": [subject], "iat": made, "nbf": made,
                 "exp": made + 300, "jti": os.urandom(32).hex()}
        header = {"alg": "ES256", "kid": self.kid, "typ": "JWT"}
        signed = f"{encode(compact(header))}.{encode(compact({**usual, **claims}))}"
        r, s = decode_dss_signature(self.key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
        return f"{signed}.{encode(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"
