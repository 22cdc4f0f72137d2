# SPDX-License-Identifier: Apache-2.0
"""everleaf check on a host: units, polkit, the user of everleafd, nginx's configuration."""
import json

from certificates import now
from host import ENROLL


def check(host, user="root"):
    said = host.try_run("setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups", "everleaf", "check", "--json")
    answer = json.loads(said.stdout)
    assert answer["well"] == (said.returncode == 0)
    found = {}
    for one in answer["findings"]:
        found.setdefault(one["about"], []).append((one["verdict"], one["text"] + one["hint"]))
    return found


def test_a_host_that_is_well(host):
    host.place(host.pair(not_before=now())).start_nginx().configure().start_daemon()
    host.wait_for_event("waiting")
    found = check(host)
    assert {verdict for findings in found.values() for verdict, _ in findings} == {"ok"}
    assert found["proxy front"] == [("ok", "nginx.service runs, and everleafd may reload it")]


def test_a_unit_that_may_not_be_reloaded_or_is_not_there(host):
    host.place(host.pair(not_before=now())).configure(reload='{ systemd = "dbus.service" }')
    [(verdict, text)] = check(host)["proxy front"]
    assert verdict == "error" and "may not reload dbus.service" in text and "49-everleaf.rules" in text
    host.configure(reload='{ systemd = "no-such.service" }')
    [(verdict, text)] = check(host)["proxy front"]
    assert verdict == "error" and "no such unit" in text


def test_directories_are_judged_as_the_user_of_everleafd(host):
    host.place(host.pair(not_before=now())).configure()
    host.run("chmod", "511", "/var/lib/everleaf/live")
    [(verdict, text)] = check(host)["certificate upstream"]
    assert verdict == "error" and "Permission denied" in text
    assert check(host, "www-data")["/var/lib/everleaf"][0][0] == "skipped"


def test_resumed_sessions_are_warned_of(host):
    host.place(host.pair(not_before=now())).configure()
    host.write({"/etc/nginx/conf.d/upstream.conf": "proxy_ssl_certificate $dir/tls.crt;  # proxy_ssl_session_reuse off;\n",
                "/etc/nginx/conf.d/good.conf": "proxy_ssl_certificate $dir/tls.crt;\nproxy_ssl_session_reuse off;\n",
                "/etc/nginx/conf.d/fixed.conf": "proxy_ssl_certificate /dir/tls.crt;\nset $x y;\n"})
    found = check(host)
    [(verdict, text)] = found["/etc/nginx/conf.d/upstream.conf"]
    assert verdict == "warning" and "proxy_ssl_session_reuse off" in text
    assert not [about for about in found if "good" in about or "fixed" in about]


def test_what_only_root_may_read_of_the_configuration_is_an_error(host):
    host.place(host.pair(not_before=now())).configure()
    for spoil, mend, path in (("chmod 600", "chmod 644", "/etc/everleaf/everleaf.toml"), ("chmod 750", "chmod 755", "/etc/everleaf"),
                              ("chmod 700", "chmod 755", "/etc/everleaf/conf.d")):
        host.shell(f"{spoil} {path}")
        verdict, text = check(host)["configuration"][0]
        assert verdict == "error" and "Permission denied" in text and "user everleaf has to be able to" in text, text
        refused = host.try_run("everleafd", "--check")
        assert refused.returncode == 1 and "Permission denied" in refused.stderr, refused.stderr
        failed = host.try_run("systemctl", "start", "everleafd")
        assert failed.returncode != 0 and "user everleaf has to be able to" in host.log("everleafd")
        host.shell(f"systemctl stop everleafd; {mend} {path}")
    assert check(host)["configuration"][0][0] == "ok"


def test_root_does_nothing_that_a_file_of_the_user_of_everleafd_says(host):
    host.place(host.pair(not_before=now())).configure()
    host.shell("mkdir -p /root/state/live/.boom.probe && touch /root/state/live/.boom.probe/data")
    host.write({"/etc/everleaf/conf.d/boom.toml": '[paths]\nstate = "/root/state"\n[certificate.boom]\nsubject = "b"\n'}, owner="everleaf")
    [(verdict, text)] = check(host)["configuration"]
    assert verdict == "error" and "neither root nor we own it" in text and "chown root: /etc/everleaf/conf.d/boom.toml" in text
    for command in (("everleafd", "--check"), ("everleaf", "plan"), ("everleaf", "check")):
        assert host.try_run(*command).returncode == 1
    host.run("test", "-e", "/root/state/live/.boom.probe/data")


def test_root_who_may_not_be_another_sees_what_root_sees(host):
    host.place(host.pair(not_before=now())).configure().start_daemon().wait_for_event("waiting")
    for command in ("everleaf status", "everleaf plan", "everleafd --check"):
        done = host.try_run("setpriv", "--bounding-set=-setuid", "--inh-caps=-setuid", *command.split())
        assert done.returncode == 0, done.stderr


def test_a_state_that_a_link_of_another_user_leads_to_is_not_worked_in_by_root(host):
    host.configure().shell("mkdir -p /etc/roots/state /etc/roots/live; chmod 700 /etc/roots")
    host.write({"/etc/everleaf/conf.d/paths.toml": '[paths]\nstate = "/var/lib/everleaf/main"\n'})
    host.run("setpriv", "--reuid=everleaf", "--clear-groups", "ln", "-s", "/etc/roots", "/var/lib/everleaf/main")
    [(verdict, text)] = check(host)["/var/lib/everleaf/main/live"]
    assert verdict == "error" and "does not belong to user everleaf" in text, text


def test_links_in_circles_do_not_keep_it(host):
    host.place(host.pair(not_before=now())).configure().configure_nginx()
    host.shell("cd /etc/nginx/conf.d && ln -s .. up && ln -s .. down && ln -s ../conf.d again")
    assert host.try_run("timeout", "20", "everleaf", "check").returncode != 124


def test_a_state_that_a_backup_left_to_root(host):
    host.place(host.pair(not_before=now())).configure()
    host.shell("chown -R root: /var/lib/everleaf/live /var/lib/everleaf/state")
    [(verdict, text)] = check(host)["/var/lib/everleaf/live"]
    assert verdict == "error" and "chown -R everleaf: /var/lib/everleaf" in text
    assert host.try_run("systemctl", "start", "everleafd").returncode != 0
    assert "chown -R everleaf: /var/lib/everleaf" in host.log("everleafd")
    host.shell("systemctl stop everleafd; chown -R everleaf: /var/lib/everleaf")
    assert "/var/lib/everleaf/live" not in check(host)
    host.start_daemon()


def test_programs_that_the_user_of_everleafd_cannot_start(host):
    host.place(host.pair(not_before=now())).write({"/usr/local/bin/hook": "#!/bin/sh\n", "/root/hook": "#!/bin/sh\n"})
    host.run("chmod", "700", "/root")
    for program, mode, problem in (("/usr/local/bin/hook", 755, None), ("/usr/local/bin/hook", 644, "a+rx"), ("/root/hook", 755, "a+rx"),
                                   ("/no/hook", None, "path of the program"), ("nginx", None, None), ("no-such-program", None, "path")):
        if mode:
            host.run("chmod", mode, program)
        host.configure(f'enroll = {{ token-command = ["{program}"] }}', reload=f'{{ exec = ["{program}"] }}')
        found = check(host)
        [(verdict, text)] = found["proxy front"]
        assert verdict == ("error" if problem else "ok") and (problem or "") in text, text
        assert ("warning" in [verdict for verdict, _ in found["certificate upstream"]]) == bool(problem), found


def test_before_the_first_start_nothing_is_missing(host):
    host.configure().run("rm", "-r", "/var/lib/everleaf/live")
    found = check(host)
    assert "error" not in [verdict for verdict, text in found["certificate upstream"] if "live" in text], found


def test_a_credential_of_the_unit_is_nothing_that_the_configuration_lacks(host):
    host.configure(ENROLL)
    checked = host.try_run("everleafd", "--check")
    assert checked.returncode == 0, checked.stderr


def test_a_unit_that_failed_for_a_reason_that_only_it_sees(host):
    host.place(host.pair(not_before=now())).configure(ENROLL)
    for chosen, unit in (("everleaf-renew.timer", "everleaf-renew.service"), ("everleafd.service", "everleafd.service")):
        assert not [about for about in check(host) if about.endswith(".service")]
        host.try_run("systemctl", "enable", "--now", chosen)
        host.try_run("systemctl", "start", unit)  # without the credential that its drop-in should have
        [(verdict, text)] = check(host)[unit]
        assert verdict == "error" and "exit-code" in text and f"journalctl -u {unit}" in text
        host.run("systemctl", "disable", "--now", chosen)


def test_a_failure_from_before_the_pair_was_put_there_is_over(host):
    host.configure('enroll = { token-file = "/no/token" }').start_daemon().wait_for_event("failed")
    assert "the last try failed" in str(check(host)["certificate upstream"])
    host.place(host.pair(not_before=now())).run("systemctl", "reload", "everleafd")
    host.wait_for_event("waiting")
    assert "the last try failed" not in str(check(host)["certificate upstream"])


def test_a_state_from_another_host_belongs_to_nobody_here(host):
    host.place(host.pair(not_before=now())).configure().run("chown", "-R", "54321:54321", "/var/lib/everleaf")
    [(verdict, text)] = check(host)["/var/lib/everleaf"]
    assert verdict == "error" and "there is no such user here" in text and "chown -R" in text
    assert host.try_run("everleaf", "plan").returncode == host.try_run("everleafd", "--check").returncode == 0
