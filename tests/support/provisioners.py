# SPDX-License-Identifier: Apache-2.0
"""Provisioners of step-ca beside JWK, and the credentials that convince them."""
import base64

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from certificates import PEM, hierarchy, issue, new_key
from jose import Provisioner, compact, encode


class TemplatedProvisioner(Provisioner):
    """A JWK one whose certificates have in their subject what was given: --set org=... of a request, --set team=... of a token."""

    def __init__(self):
        super().__init__("templated")

    def configuration(self):
        template = """{
            "subject": {"commonName": {{ toJson .Subject.CommonName }}, "organization": {{ toJson .Insecure.User.org }},
                        "organizationalUnit": {{ toJson .Token.user.team }}},
            "sans": {{ toJson .SANs }}, "keyUsage": ["digitalSignature"], "extKeyUsage": ["serverAuth", "clientAuth"]}"""
        return {**super().configuration(), "options": {"x509": {"template": template}}}


class X5cProvisioner:
    """Trusts whoever has a certificate of this hierarchy."""

    def __init__(self, name, authorities):
        self.name, self.authorities, self.password = name, authorities, ""

    def configuration(self):
        return {"type": "X5C", "name": self.name, "roots": base64.b64encode(self.authorities.root.pem.encode()).decode()}


class X5cCredential:
    """A certificate of a hierarchy of its own, in files."""

    def __init__(self, directory, **differently):
        self.authorities = hierarchy("Hosts")
        self.certificate, self.key = directory / "host.crt", directory / "host.key"
        self.pair = issue(self.authorities.intermediate, "host.test", names=["host.test"], **differently)
        self.pair.save(self.certificate, self.key)

    def flags(self):
        return ["--x5c-cert", self.certificate, "--x5c-key", self.key]

    def enroll(self, provisioner=""):
        named = f', provisioner = "{provisioner}"' if provisioner else ""
        return f'enroll = {{ x5c = {{ certificate = "{self.certificate}", key = "{self.key}" }}{named} }}'


class K8sSaProvisioner:
    """Trusts the service accounts of a cluster, which is a key here."""

    def __init__(self, name="pods"):
        self.name, self.password, self.key = name, "", new_key()

    def configuration(self):
        public = self.key.public_key().public_bytes(PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        return {"type": "K8sSA", "name": self.name, "publicKeys": base64.b64encode(public).decode()}

    def token(self, account="web", **claims):
        """What Kubernetes mounts into a pod, as long as these are tokens of the old kind."""
        usual = {"iss": "kubernetes/serviceaccount", "sub": f"system:serviceaccount:default:{account}",
                 "kubernetes.io/serviceaccount/namespace": "default",
                 "kubernetes.io/serviceaccount/service-account.name": account}
        signed = f"{encode(compact({'alg': 'ES256', 'kid': 'cluster'}))}.{encode(compact({**usual, **claims}))}"
        r, s = decode_dss_signature(self.key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
        return f"{signed}.{encode(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


class OtherProvisioner:
    """One that is only listed."""

    def __init__(self, **configuration):
        self.said, self.name, self.password = configuration, configuration["name"], ""

    def configuration(self):
        return self.said
