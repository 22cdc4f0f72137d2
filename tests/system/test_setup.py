# SPDX-License-Identifier: Apache-2.0
"""`everleaf setup nginx`, and what it set up at work: Debian's nginx as a client, everleafd without root."""
import pytest

from certificates import DAY, issue, now
from host import ENROLL, LIVE, RULES
from nginx import Nginx
from program import BINARIES
from step_ca import free_port

FILES = ["/etc/everleaf/everleaf.toml", "/etc/everleaf/conf.d/proxy-nginx.toml", "/etc/everleaf/conf.d/upstream.toml",
         "/etc/nginx/conf.d/everleaf-upstream.conf", "/etc/nginx/snippets/everleaf-upstream.conf"]

UPSTREAM = """
  server {{
    listen 127.0.0.1:PORT:backend ssl;
    ssl_certificate {directory}/server.crt; ssl_certificate_key {directory}/server.key;
    ssl_client_certificate {directory}/root.crt; ssl_verify_client on; ssl_verify_depth 2;
    location / {{ return 200 "$ssl_client_serial\\n"; }}
  }}"""


@pytest.fixture
def upstream(tmp_path, real_ca):
    nginx = Nginx(tmp_path / "upstream")
    issue(real_ca.intermediate, "localhost", names=["localhost"]).save(nginx.directory / "server.crt", nginx.directory / "server.key")
    (nginx.directory / "root.crt").write_text(real_ca.root.pem)
    yield nginx.configure(UPSTREAM.format(directory=nginx.directory)).start()
    nginx.stop()


@pytest.fixture
def setup(host, upstream):
    """setup(*flags) runs the command as root would, with a token."""
    ports = free_port()
    while ports == upstream.port("backend") or ports + 1 == upstream.port("backend"):
        ports = free_port()
    host.write({"/usr/bin/everleaf": (BINARIES / "everleaf").read_bytes()})
    nginx_configuration(host)

    def run(*flags, credential=None, user="root", umask="022", **variables):
        by = ("env", *(f"{name}={value}" for name, value in variables.items()), "setpriv", f"--reuid={user}", "--clear-groups",
              "sh", "-c", f'umask {umask}; exec "$@"', "-")
        return host.try_run(*by, "everleaf", "setup", "nginx", "--subject", "myuser",
                            "--upstream", f"https://localhost:{upstream.port('backend')}", "--echo-port", ports,
                            "--ca-url", host.ca.url, "--fingerprint", host.ca.fingerprint,
                            *(credential or ["--token", host.ca.token("myuser")]), *flags)

    return run


def nginx_configuration(host, location=""):
    host.write({"/etc/nginx/nginx.conf": "\n".join([
        "user www-data;", "pid /run/nginx.pid;", "error_log /var/log/nginx/error.log;", "events {}", "http {", "  access_log off;",
        "  include /etc/nginx/conf.d/*.conf;", f"  server {{ listen 127.0.0.1:{host.port}; {location} }}", "}", ""])})


def seen_by_upstream(host):
    return int(host.run("curl", "-sf", f"http://127.0.0.1:{host.port}/"), 16)


def exists(host, path):
    return host.try_run("test", "-e", path).returncode == 0


def test_what_it_sets_up_renews_and_proves(host, setup):
    done = setup()
    assert done.returncode == 0, done.stderr
    for path in FILES:
        assert exists(host, path) and f"Written: {path}" in done.stderr
    assert host.run("stat", "-c", "%U %a", f"{LIVE}/tls.key").split() == ["everleaf", "600"]
    nginx_configuration(host, "location / { include snippets/everleaf-upstream.conf; }")
    host.run("systemctl", "start", "nginx")
    assert seen_by_upstream(host) == host.serial()
    host.place(host.pair()).run("systemctl", "reload", "nginx")
    old = host.serial()
    host.start_daemon().wait_for_event("adopted")
    assert seen_by_upstream(host) == host.serial() != old
    assert host.events("unproven") == host.events("withheld") == []


def test_a_second_time_it_changes_nothing(host, setup):
    setup()
    serial = host.serial()
    again = setup()
    assert again.returncode == 0 and "Written" not in again.stderr and "is there already" in again.stderr, again.stderr
    assert host.serial() == serial


def test_a_certificate_that_expired_is_replaced(host, setup):
    setup()
    expired = host.pair(not_before=now() - 2 * DAY)
    host.place(expired)
    again = setup()
    assert again.returncode == 0 and f"Certificate: {LIVE}" in again.stderr, again.stderr
    assert host.serial() != expired.certificate.serial_number
    assert "is there already" in setup().stderr


def test_a_certificate_that_expired_stays_if_there_is_no_other(host, setup):
    setup()
    expired = host.pair(not_before=now() - 2 * DAY)
    host.place(expired)
    refused = setup("--token", host.ca.token("myuser", exp=1))
    assert refused.returncode == 1 and "(401)" in refused.stderr, refused.stderr
    assert host.serial() == expired.certificate.serial_number and exists(host, FILES[0])


def test_a_token_for_somebody_else_is_refused_before_anything_is_written(host, setup):
    refused = setup("--token", host.ca.token("other"))
    assert refused.returncode == 1 and 'the token is for "other", not for "myuser"' in refused.stderr, refused.stderr
    assert '"everleaf ca token myuser" makes one' in refused.stderr and "Written" not in refused.stderr
    assert not any(exists(host, path) for path in FILES)


def test_blanks_around_a_token_do_not_matter(host, setup):
    assert setup("--token", host.ca.token("myuser") + "\n").returncode == 0


def test_what_says_something_else_is_not_replaced_without_force(host, setup):
    setup()
    host.shell("echo '# mine' >>/etc/everleaf/conf.d/upstream.toml")
    refused = setup()
    assert refused.returncode == 1 and "/etc/everleaf/conf.d/upstream.toml exists, and says something else" in refused.stderr
    assert "# mine" in host.read("/etc/everleaf/conf.d/upstream.toml")
    assert setup("--force").returncode == 0 and "# mine" not in host.read("/etc/everleaf/conf.d/upstream.toml")


def test_if_nginx_refuses_all_files_are_as_they_were(host, setup):
    nginx_configuration(host, "no_such_directive;")
    refused = setup()
    assert refused.returncode == 1 and "no_such_directive" in refused.stderr, refused.stderr
    assert "What was written has been removed again" in refused.stderr
    assert not any(exists(host, path) for path in FILES)
    nginx_configuration(host)
    again = setup()
    assert again.returncode == 0 and "is there already" in again.stderr, again.stderr


@pytest.mark.parametrize("removed", ["/var/lib/everleaf", "/var/lib/everleaf/live /var/lib/everleaf/state"])
def test_it_makes_the_directories_that_the_package_would_have_made(host, setup, removed):
    host.run("rm", "-r", *removed.split())
    done = setup()
    assert done.returncode == 0 and host.serial(), done.stderr
    for directory, mode in (("", "711"), ("/live", "711"), ("/state", "700")):
        assert host.run("stat", "-c", "%U %a", f"/var/lib/everleaf{directory}").split() == ["everleaf", mode]


@pytest.mark.parametrize("owner, done", [("everleaf", True), ("www-data", False)])
def test_what_lies_in_a_directory_of_another_user_is_not_made_by_root(host, setup, owner, done):
    """Who may write there could lead root elsewhere."""
    host.run("install", "-d", "-o", owner, "/srv/state")
    host.write({"/etc/everleaf/everleaf.toml": f'[ca]\nurl = "{host.ca.url}"\nfingerprint = "{host.ca.fingerprint}"\n[paths]\nstate = "/srv/state/main"\n'})
    result = setup()
    assert (result.returncode == 0) == done == exists(host, "/srv/state/main/live/upstream/tls.crt"), result.stderr
    if done:
        assert host.run("stat", "-c", "%U %G %a", "/srv/state/main").split() == ["everleaf", "everleaf", "711"]
    else:
        assert "/srv/state is not root's alone" in result.stderr and "give it to user everleaf" in result.stderr


def test_a_password_that_only_root_may_read_is_read_by_root(host, setup):
    host.write({"/root/password": host.ca.password_file().read_text()}, mode=0o600)
    done = setup(credential=["--provisioner", "admin", "--provisioner-password-file", "/root/password"])
    assert done.returncode == 0 and host.serial(), done.stderr
    assert host.run("stat", "-c", "%U %a", f"{LIVE}/tls.key").split() == ["everleaf", "600"]


def test_root_s_umask_is_not_that_of_everleafd(host, setup):
    host.run("rm", "-r", "/etc/everleaf")
    assert setup(umask="077").returncode == 0
    host.start_daemon().wait_for_event("waiting")


def test_what_everleafd_will_not_be_able_to_read_is_found_before_a_token_is_spent(host, setup):
    host.run("chmod", "750", "/etc/everleaf")
    refused = setup(credential=["--token", token := host.ca.token("myuser")])
    assert refused.returncode == 1 and "user everleaf has to be able to" in refused.stderr, refused.stderr
    assert not any(exists(host, path) for path in FILES)
    host.run("chmod", "755", "/etc/everleaf")
    assert setup(credential=["--token", token]).returncode == 0


def test_nginx_is_found_where_su_does_not_look(host, setup):
    assert setup(PATH="/usr/local/bin:/usr/bin:/bin").returncode == 0


def test_others_than_root_are_told_so_and_may_print(host, setup):
    refused = setup(user="nobody", HOME="/nonexistent")
    assert refused.returncode == 1 and "run as that user or as root" in refused.stderr, refused.stderr
    assert setup("--print", user="nobody", HOME="/nonexistent").returncode == 0


def test_it_only_prints(host, setup):
    shown = setup("--print")
    assert shown.returncode == 0 and all(f"# {path}" in shown.stdout for path in FILES), shown.stderr
    assert not any(exists(host, path) for path in FILES) and host.serial() is None


def test_the_polkit_rule_is_written_where_it_is_missing_and_has_to_name_nginx(host, setup):
    rule = host.read(RULES)
    host.write({RULES: rule.replace('"nginx.service", ', "")})
    refused = setup()
    assert refused.returncode == 1 and "does not name nginx.service" in refused.stderr, refused.stderr
    host.run("rm", RULES)
    assert setup().returncode == 0 and host.read(RULES) == rule


def test_another_certificate_may_enroll_with_a_credential_of_the_unit(host, setup):
    host.configure(ENROLL)
    host.run("sed", "-i", "s/upstream/other/", "/etc/everleaf/everleaf.toml")
    assert setup().returncode == 0


def test_two_certificates_do_not_share_the_ports_of_the_echo(host, setup):
    setup()
    refused = setup("--name", "billing")
    assert refused.returncode == 1 and "--echo-port" in refused.stderr, refused.stderr
