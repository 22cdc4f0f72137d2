# SPDX-License-Identifier: Apache-2.0
"""A host with everleaf installed, and a proxy of Debian's that uses a certificate of it."""
import json
import re
import socket
import ssl

from certificates import DAY, now
from cryptography import x509
from box import Box
from program import BINARIES, REPOSITORY, SANITIZED, wait_until
from step_ca import free_port

LIVE = "/var/lib/everleaf/live/upstream"
UNITS = ["everleafd.service", "everleaf-renew.service", "everleaf-renew.timer"]
SYSTEMD = REPOSITORY / "systemd"
ENROLL = 'enroll = { token-file = "%d/token" }'
RULES = "/etc/polkit-1/rules.d/49-everleaf.rules"


class Host(Box):
    def __init__(self, directory, ca):
        super().__init__(directory)
        self.ca, self.port = ca, free_port()

    def install(self):
        """What the package does; nothing is enabled."""
        self.write({
            "/usr/bin/everleafd": (BINARIES / "everleafd").read_bytes(),
            "/usr/bin/everleaf": (BINARIES / "everleaf").read_bytes(),
            **{f"/usr/lib/systemd/system/{name}": (SYSTEMD / name).read_text() for name in UNITS},
            "/usr/lib/sysusers.d/everleaf.conf": (SYSTEMD / "everleaf.sysusers").read_text(),
            "/usr/lib/tmpfiles.d/everleaf.conf": (SYSTEMD / "everleaf.tmpfiles").read_text(),
            RULES: (SYSTEMD / "49-everleaf.rules").read_text(),
        })
        self.run("systemd-sysusers", "everleaf.conf")
        self.run("systemd-tmpfiles", "--create", "everleaf.conf")
        if SANITIZED:  # its leak check needs ptrace
            for unit in ("everleafd", "everleaf-renew"):
                self.drop_in(unit, "sanitize", "Environment=ASAN_OPTIONS=detect_leaks=0")
        self.run("systemctl", "daemon-reload")
        return self

    def drop_in(self, unit, name, *lines, section="Service"):
        suffix = "" if "." in unit else ".service"
        self.write({f"/etc/systemd/system/{unit}{suffix}.d/{name}.conf": "\n".join([f"[{section}]", *lines, ""])})
        self.run("systemctl", "daemon-reload")

    def configure(self, *keys, reload='{ systemd = "nginx.service" }'):
        self.write({"/etc/everleaf/everleaf.toml": "\n".join([
            "[ca]", f'url = "{self.ca.url}"', f'fingerprint = "{self.ca.fingerprint}"', "",
            "[proxy.front]", f"reload = {reload}", "",
            "[certificate.upstream]", 'subject = "myuser"', 'used-by = ["front"]', *keys, ""])})
        return self

    def give_token(self, unit):
        """A one-time token as an encrypted credential of the unit, for ENROLL."""
        token = self.ca.token("myuser").encode()
        self.run("mkdir", "-p", "/etc/everleaf")
        self.run("systemd-creds", "encrypt", "--with-key=host", "--name=token", "-", "/etc/everleaf/token.cred", stdin=token)
        self.drop_in(unit, "token", "LoadCredentialEncrypted=token:/etc/everleaf/token.cred")

    def pair(self, **differently):
        """One of the CA's as if it were from 18 hours ago: due."""
        return self.ca.leaf(**{"not_before": now() - 0.75 * DAY, **differently})

    def place(self, pair):
        self.run("install", "-d", "-o", "everleaf", "-m", "755", LIVE)
        self.write({f"{LIVE}/tls.crt": pair.chain_pem}, owner="everleaf")
        self.write({f"{LIVE}/tls.key": pair.key_pem, f"{LIVE}/tls.pem": pair.chain_pem + pair.key_pem}, "everleaf", 0o600)
        return self

    def serial(self):
        """Of what is live, or None."""
        pem = self.try_run("cat", f"{LIVE}/tls.crt")
        return x509.load_pem_x509_certificate(pem.stdout.encode()).serial_number if pem.returncode == 0 else None

    # Others on the host

    def prepare_sandbox(self):
        """A unit that does anything with the rights of everleafd.service, for may()."""
        unit = self.read("/usr/lib/systemd/system/everleafd.service")
        unit = re.sub("^(Type|ExecStart|ExecReload|WatchdogSec|Restart|ConditionPathExists|Before)=.*$", "", unit, flags=re.M)
        self.write({"/etc/systemd/system/probe@.service": unit.replace("[Service]", "[Service]\nType=oneshot\nExecStart=/bin/sh -c %I")})
        return self

    def may(self, command):
        """Whether it succeeds in the sandbox of everleafd.service."""
        instance = self.run("systemd-escape", command).strip()
        return self.try_run("systemctl", "start", f"probe@{instance}").returncode == 0

    def anybody_may(self, command):
        return self.try_run("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "sh", "-c", command).returncode == 0

    # The proxy

    def configure_nginx(self, *more):
        self.write({"/etc/nginx/nginx.conf": "\n".join([
            "user www-data;", "worker_processes 1;", "pid /run/nginx.pid;", "error_log /var/log/nginx/error.log;",
            "events {}", "http {", "  access_log off;", "  server {", f"    listen 127.0.0.1:{self.port} ssl;",
            f"    ssl_certificate {LIVE}/tls.crt;", f"    ssl_certificate_key {LIVE}/tls.key;",
            '    location / { return 200 "ok\\n"; }', *more, "  }", "}", ""])})
        return self

    def configure_haproxy(self, *more, settings=()):
        self.write({"/etc/haproxy/haproxy.cfg": "\n".join([
            "global", "  user haproxy", "  group haproxy", *(f"  {line}" for line in settings), "defaults", "  mode http",
            "  timeout connect 5s", "  timeout client 5s", "  timeout server 5s", "frontend f",
            f"  bind 127.0.0.1:{self.port} ssl crt {LIVE}/tls.pem", "  http-request return status 200", *more, ""])})
        return self

    def start_haproxy(self, *more, **settings):
        self.configure_haproxy(*more, **settings).run("systemctl", "start", "haproxy")
        return self

    def start_nginx(self, *more):
        self.configure_nginx(*more).run("systemctl", "start", "nginx")
        return self

    def connect(self):
        trust = ssl.create_default_context(cafile=str(self.ca.root_file))
        trust.check_hostname = False
        return trust.wrap_socket(socket.create_connection(("127.0.0.1", self.port), 5))

    def served(self):
        """The serial of what the proxy shows, or None."""
        try:
            with self.connect() as connection:
                return x509.load_der_x509_certificate(connection.getpeercert(True)).serial_number
        except OSError:
            return None

    def serves_what_is_live(self):
        return self.served() == self.serial() is not None

    # everleafd

    def start_daemon(self):
        self.run("systemctl", "start", "everleafd")
        return self

    def events(self, name, unit="everleafd"):
        return self.journal("-u", unit, f"EVERLEAF_EVENT={name}")

    def wait_for_event(self, name, count=1, unit="everleafd", seconds=20):
        def happened():
            found = self.events(name, unit)
            return found if len(found) >= count else None
        return self.wait(happened, f"event {name}", unit, seconds)[-1]

    def owed(self):
        state = self.try_run("cat", "/var/lib/everleaf/state/proxy.front.json")
        return json.loads(state.stdout)["owed"] if state.returncode == 0 else []
