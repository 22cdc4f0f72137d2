# SPDX-License-Identifier: Apache-2.0
"""Certificates for tests, made by python3-cryptography: nothing of everleaf judges itself here."""
import datetime
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

PEM = serialization.Encoding.PEM
DER = serialization.Encoding.DER
Seconds = datetime.timedelta
DAY = datetime.timedelta(days=1)
STEP_PROVISIONER = x509.ObjectIdentifier("1.3.6.1.4.1.37476.9000.64.1")


def now():
    return datetime.datetime.utcnow().replace(microsecond=0)


def new_key():
    return ec.generate_private_key(ec.SECP256R1())


@dataclass
class Issued:
    """A certificate, its key (if we have it) and the intermediates that go with it."""

    certificate: x509.Certificate
    key: object = None
    intermediates: list = field(default_factory=list)

    @property
    def pem(self):
        return self.certificate.public_bytes(PEM).decode()

    @property
    def chain_pem(self):
        return self.pem + "".join(issued.pem for issued in self.intermediates)

    @property
    def key_pem(self):
        return self.key.private_bytes(
            PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode()

    @property
    def fingerprint(self):
        return self.certificate.fingerprint(hashes.SHA256()).hex()

    def save(self, certificate, key=None):
        Path(certificate).write_text(self.chain_pem)
        if key:
            Path(key).touch(mode=0o600)
            Path(key).write_text(self.key_pem)
        return self


def subject_of(common_name):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)] if common_name else [])


def general_name(text):
    try:
        return x509.IPAddress(ip_address(text))
    except ValueError:
        return x509.DNSName(text)


def step_extension(provisioner, credential):
    """The extension by which step-ca remembers who asked: SEQUENCE { type, name, credential }."""
    octets = [text.encode() for text in (provisioner, credential)]
    content = b"\x02\x01\x01" + b"".join(b"\x04" + bytes([len(o)]) + o for o in octets)
    return x509.UnrecognizedExtension(STEP_PROVISIONER, b"\x30" + bytes([len(content)]) + content)


def issue(issuer, subject, *, public_key=None, key=None, names=(), not_before=None, lifetime=DAY, path_length=None,
          ca=False, provisioner=None, extensions=(), purposes=(ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH),
          digest=hashes.SHA256()):
    """A certificate by `issuer` (None: by itself). Everything a test may want to get wrong is an argument."""
    if public_key is None:
        key = key or new_key()
        public_key = key.public_key()
    start = not_before or now() - Seconds(minutes=1)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject_of(subject))
        .issuer_name(issuer.certificate.subject if issuer else subject_of(subject))
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + lifetime)
        .add_extension(x509.BasicConstraints(ca, path_length if ca else None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        .add_extension(key_usage(ca), critical=True)
    )
    if issuer:
        authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.certificate.public_key())
        builder = builder.add_extension(authority, critical=False)
    if not ca:
        builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName([general_name(n) for n in names]), critical=False)
    if provisioner:
        builder = builder.add_extension(step_extension(*provisioner), critical=False)
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    signer = issuer.key if issuer else key
    digest = None if isinstance(signer, ed25519.Ed25519PrivateKey) else digest
    intermediates = [issuer] if issuer and issuer.certificate.issuer != issuer.certificate.subject else []
    return Issued(builder.sign(signer, digest), key, intermediates)


def key_usage(ca):
    return x509.KeyUsage(digital_signature=not ca, content_commitment=False, key_encipherment=False,
                         data_encipherment=False, key_agreement=False, key_cert_sign=ca, crl_sign=ca,
                         encipher_only=False, decipher_only=False)


@dataclass
class Hierarchy:
    root: Issued
    intermediate: Issued


def hierarchy(name="Test"):
    """Root and intermediate; both older than any leaf we make, which renewal after expiry insists on."""
    since = now() - 30 * DAY
    root = issue(None, f"{name} Root CA", ca=True, path_length=1, not_before=since, lifetime=3650 * DAY)
    intermediate = issue(root, f"{name} Intermediate CA", ca=True, path_length=0, not_before=since, lifetime=1000 * DAY)
    return Hierarchy(root, intermediate)


def load(path):
    """The first certificate of a PEM file."""
    return x509.load_pem_x509_certificate(Path(path).read_bytes())


def load_all(path):
    blocks = Path(path).read_text().split("-----END CERTIFICATE-----\n")[:-1]
    return [x509.load_pem_x509_certificate(f"{block}-----END CERTIFICATE-----\n".encode()) for block in blocks]


def load_key(path):
    return serialization.load_pem_private_key(Path(path).read_bytes(), None)


def public_bytes(key):
    return key.public_bytes(DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def pair_matches(certificate, key):
    return public_bytes(load(certificate).public_key()) == public_bytes(load_key(key).public_key())


def names_of(certificate):
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return sorted(str(name.value) for name in names)
