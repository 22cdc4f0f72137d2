# SPDX-License-Identifier: Apache-2.0
"""What everleafd delivered, and when the upstream first saw it."""
import os
from dataclasses import dataclass
from typing import Optional

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from show import Failure

DER = serialization.Encoding.DER
PUBLIC = serialization.PublicFormat.SubjectPublicKeyInfo


@dataclass
class Generation:
    serial: int
    public_key: str  # SHA-256
    delivered: float  # Unix time of the swap
    first_seen: Optional[float] = None


def digest(public_key):
    hasher = hashes.Hash(hashes.SHA256())
    hasher.update(public_key.public_bytes(DER, PUBLIC))
    return hasher.finalize().hex()


def read_live(directory):
    """Certificate and key through one open directory: never of two generations. The swap changed the directory's ctime."""
    try:
        holder = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    except FileNotFoundError:
        return None

    def content(name):
        with open(os.open(name, os.O_RDONLY, dir_fd=holder), "rb") as file:
            return file.read()

    try:
        certificate = x509.load_pem_x509_certificate(content("tls.crt"))
        key = serialization.load_pem_private_key(content("tls.key"), None)
        delivered = os.fstat(holder).st_ctime
    except FileNotFoundError:  # swapped out and removed since we opened it; the next look sees the new one
        return None
    finally:
        os.close(holder)
    if digest(key.public_key()) != digest(certificate.public_key()):
        raise Failure(f"{directory}: certificate and key do not match")
    return Generation(certificate.serial_number, digest(certificate.public_key()), delivered)


class Generations:
    def __init__(self, live, seen_log):
        self.live, self.seen_log = live, seen_log
        self.all = []
        self.read_so_far = 0

    @property
    def renewals(self):
        return self.all[1:]

    def adopted(self):
        """Renewals with a key that no earlier generation had, presented to the upstream."""
        keys = [generation.public_key for generation in self.all]
        return [g for i, g in enumerate(self.all) if i > 0 and g.first_seen and g.public_key not in keys[:i]]

    def look(self):
        """Takes in what is new; returns the events in the words of the demonstration."""
        return self.look_at_live() + self.look_at_upstream()

    def look_at_live(self):
        now = read_live(self.live)
        if now is None or (self.all and self.all[-1].serial == now.serial):
            return []
        self.all.append(now)
        return [(now, "delivered", now.delivered)]

    def look_at_upstream(self):
        events = []
        for moment, serial in self.new_lines():
            for generation in self.all:
                if generation.serial == serial and generation.first_seen is None:
                    generation.first_seen = moment
                    events.append((generation, "seen by the upstream", moment))
        return events

    def new_lines(self):
        with open(self.seen_log, "rb") as log:
            log.seek(self.read_so_far)
            text = log.read()
        whole = text[: text.rfind(b"\n") + 1]
        self.read_so_far += len(whole)
        for line in whole.decode().splitlines():
            moment, _, serial = line.partition(" ")
            if serial not in ("", "-"):
                yield float(moment), int(serial, 16)
