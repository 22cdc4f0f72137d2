# SPDX-License-Identifier: Apache-2.0
"""The ACME server (RFC 8555) of a LyingCa. It is not curious: whoever answers a challenge has proved the name."""
import json

from cryptography import x509

from jose import decode


def payload_of(request):
    text = decode(json.loads(request.body)["payload"])
    return json.loads(text) if text else None


class AcmeAnswers:
    """What LyingCa says at https://.../acme_directory and where that leads. `proved`, `requested`: how far the only order is."""

    proved, requested, nonces = False, None, 0

    def acme(self, value, status=200, **headers):
        answer = self.ok(value, status)
        self.nonces += 1
        answer.headers.update({"Replay-Nonce": f"nonce{self.nonces}", **headers})
        return answer

    def reply_acme_directory(self, request, peer, lie):
        return self.acme({"newNonce": f"{self.url}/acme_nonce", "newAccount": f"{self.url}/acme_account",
                          "newOrder": f"{self.url}/acme_order", "meta": {"externalAccountRequired": False}})

    def reply_acme_nonce(self, request, peer, lie):
        answer = self.acme({})
        answer.body = b""
        return answer

    def reply_acme_account(self, request, peer, lie):
        return self.acme({"status": "valid"}, 201, Location=f"{self.url}/acme_account/1")

    def order(self):
        status = "valid" if self.requested else "ready" if self.proved else "pending"
        place = {"certificate": f"{self.url}/acme_certificate/1"} if self.requested else {}
        return {"status": status, "identifiers": [{"type": "dns", "value": "myuser"}], "finalize": f"{self.url}/acme_finalize/1",
                "authorizations": [f"{self.url}/acme_authorization/1"], **place}

    def challenge(self):
        return {"type": "http-01", "status": "valid" if self.proved else "pending", "token": "token-1",
                "url": f"{self.url}/acme_challenge/1"}

    def reply_acme_order(self, request, peer, lie):
        self.proved, self.requested = False, None
        return self.acme(self.order(), 201, Location=f"{self.url}/acme_orders/1")

    def reply_acme_orders(self, request, peer, lie):
        return self.acme(self.order())

    def reply_acme_authorization(self, request, peer, lie):
        return self.acme({"status": self.challenge()["status"], "identifier": {"type": "dns", "value": "myuser"},
                          "challenges": [{**self.challenge(), "type": "dns-01"}, self.challenge()]})

    def reply_acme_challenge(self, request, peer, lie):
        self.proved = True
        return self.acme(self.challenge())

    def reply_acme_finalize(self, request, peer, lie):
        self.requested = x509.load_der_x509_csr(decode(payload_of(request)["csr"]))
        return self.acme(self.order())

    def reply_acme_certificate(self, request, peer, lie):
        made = self.issued(lie, "myuser", self.requested.public_key(), ["myuser"])
        answer = self.acme({})
        answer.headers["Content-Type"] = "application/pem-certificate-chain"
        answer.body = "".join(json.loads(made.body)["certChain"]).encode()
        return answer
