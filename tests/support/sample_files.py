# SPDX-License-Identifier: Apache-2.0
"""The files that every case of the cli tier finds in its directory."""
import functools
import os

from cryptography.hazmat.primitives import hashes
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from certificates import DAY, DER, PEM, hierarchy, issue, new_key, now, subject_of


@functools.cache
def samples():
    authorities = hierarchy()
    leaf = functools.partial(issue, authorities.intermediate, "client.test", names=["client.test", "10.0.0.7"],
                             provisioner=("admin", "4vn46fbZT68Uxfs9LBwHkTvrjEvxQqx-W8nnE-qDjts"))
    # Used so far, of 100 days: 50.5 % at half.crt and so on; no test runs long enough for these to change.
    used = {"fresh": 0.005, "half": 0.505, "two-thirds": 0.675, "expired": 1.005, "future": -0.1}
    pairs = {name: leaf(not_before=now() - share * 100 * DAY, lifetime=100 * DAY) for name, share in used.items()}
    pairs["fresh"] = leaf(key=pairs["fresh"].key, not_before=now() - 0.5 * DAY, lifetime=100 * DAY)
    pairs["rsa"] = leaf(key=rsa.generate_private_key(65537, 2048))
    pairs["ed25519"] = leaf(key=ed25519.Ed25519PrivateKey.generate())
    pairs["nameless"] = issue(authorities.intermediate, "", names=["only.san.test"])
    request = x509.CertificateSigningRequestBuilder().subject_name(subject_of("client.test"))
    key = new_key()
    files = {f"{name}.crt": pair.chain_pem for name, pair in pairs.items()}
    files |= {f"{name}.key": pair.key_pem for name, pair in pairs.items()}
    fresh = pairs["fresh"]
    return {
        **files,
        "leaf.crt": fresh.pem,
        "leaf.der": fresh.certificate.public_bytes(DER),
        "leaf.fingerprint": fresh.fingerprint + "\n",
        "root.crt": authorities.root.pem,
        "root.fingerprint": authorities.root.fingerprint + "\n",
        "intermediate.crt": authorities.intermediate.pem,
        # The leaf is fresh, what follows is not.
        "mixed.crt": fresh.pem + pairs["expired"].pem,
        "request.csr": request.sign(key, hashes.SHA256()).public_bytes(PEM).decode(),
        "empty.crt": "",
        "cut.crt": fresh.pem[:300],
        "text.crt": "this is not a certificate\n",
        "binary.crt": os.urandom(2000),
        "commented.crt": "subject=client.test\n" + fresh.pem,
        "windows.crt": fresh.pem.replace("\n", "\r\n"),
    }


def sample_files(directory):
    for name, data in samples().items():
        path = directory / name
        path.touch(mode=0o600)
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
    (directory / "directory.crt").mkdir()
