# SPDX-License-Identifier: Apache-2.0
"""everleafd: the credentials by which it enrolls, also when a renewal was refused."""
import base64
import json
import shutil

import pytest

from certificates import DAY, DER, Seconds, issue, load, names_of, now
from daemon import certificate
from jose import claims_of, header_of
from lying_ca import refuses
from provisioners import K8sSaProvisioner, X5cCredential, X5cProvisioner
from step_ca import RealCa, usual_provisioners


@pytest.fixture
def credential(tmp_path):
    return X5cCredential(tmp_path)


@pytest.fixture
def x5c_ca(tmp_path, credential):
    ca = RealCa(tmp_path / "ca", [*usual_provisioners(), X5cProvisioner("hosts", credential.authorities)])
    yield ca
    ca.stop()


# Where one more provisioner is wanted: as in conftest.py, what depends on the version of step-ca.
real = pytest.mark.real_ca


@real
@pytest.mark.parametrize("provisioner", ["", "hosts"])
def test_what_is_missing_is_enrolled_by_x5c(daemon, x5c_ca, credential, provisioner):
    everleafd = daemon(x5c_ca, certificate("one", 'names = ["myuser", "10.0.0.7"]', credential.enroll(provisioner)))
    everleafd.once().succeeded()
    assert everleafd.has_pair("one") and names_of(load(everleafd.crt("one"))) == ["10.0.0.7", "myuser"]


@real
def test_what_is_enrolled_by_x5c_does_not_outlive_the_credential(daemon, x5c_ca, tmp_path, credential):
    issue(credential.authorities.intermediate, "host.test", key=credential.pair.key, lifetime=Seconds(hours=2),
          names=["host.test"]).save(credential.certificate, credential.key)
    everleafd = daemon(x5c_ca, certificate("one", credential.enroll()))
    everleafd.once().succeeded()
    assert load(everleafd.crt("one")).not_valid_after <= load(credential.certificate).not_valid_after


@real
def test_an_x5c_credential_that_is_expired_is_refused(daemon, x5c_ca, credential):
    issue(credential.authorities.intermediate, "host.test", key=credential.pair.key, not_before=now() - 2 * DAY,
          names=["host.test"]).save(credential.certificate, credential.key)
    everleafd = daemon(x5c_ca, certificate("one", credential.enroll()))
    result = everleafd.once()
    assert result.status == 1 and "(401)" in result.stderr, str(result)


@pytest.mark.parametrize("damage", ["another key", "no key", "no certificate"])
def test_an_x5c_credential_that_is_no_pair_is_said(daemon, lying_ca, credential, damage):
    lying_ca.provisioners.append({"type": "X5C", "name": "hosts"})
    {"another key": lambda: credential.key.write_text(lying_ca.leaf().key_pem), "no key": credential.key.unlink,
     "no certificate": credential.certificate.unlink}[damage]()
    result = daemon(lying_ca, certificate("one", credential.enroll())).once()
    assert result.status == 1 and str(credential.certificate.parent) in result.stderr, str(result)
    assert lying_ca.asked("sign") == []


def test_a_ca_without_an_x5c_provisioner(daemon, lying_ca, credential):
    result = daemon(lying_ca, certificate("one", credential.enroll())).once()
    assert result.status == 1 and "no X5C provisioner" in result.stderr and "admin (JWK)" in result.stderr, str(result)


def test_a_token_of_an_x5c_provisioner(daemon, lying_ca, credential):
    lying_ca.provisioners.append({"type": "X5C", "name": "hosts"})
    daemon(lying_ca, certificate("one", credential.enroll("hosts"))).once().succeeded()
    token = json.loads(lying_ca.asked("sign")[0].body)["ott"]
    header, claims = header_of(token), claims_of(token)
    assert [base64.b64decode(one) for one in header["x5c"]] == [
        one.certificate.public_bytes(DER) for one in (credential.pair, credential.authorities.intermediate)]
    assert claims["aud"] == f"{lying_ca.url}/1.0/sign#x5c/hosts" and claims["iss"] == "hosts"


# Tokens for something else

FITS = {
    "all": (["b.test", "10.0.0.1"], True),
    "in another order": (["10.0.0.1", "b.test"], True),
    "a kind more": (["b.test", "10.0.0.1", "b@b.test"], True),
    "the subject only": (["b.test"], False),
    "one more": (["b.test", "10.0.0.1", "c.test"], False),
    "another": (["c.test", "10.0.0.1"], False),
    "in another case": (["B.test", "10.0.0.1"], False),
}


@pytest.mark.parametrize("names, fits", FITS.values(), ids=FITS)
def test_a_token_is_spent_only_on_what_the_ca_would_issue(daemon, real_ca, everleaf, tmp_path, names, fits):
    everleaf("certificate", "create", "--csr", "--no-password", "--insecure", "--san", "b.test", "--san", "10.0.0.1", "b.test",
             tmp_path / "csr", tmp_path / "key").succeeded()
    signed = everleaf("ca", "sign", tmp_path / "csr", tmp_path / "crt", "--token", real_ca.token("b.test", sans=names))
    assert signed.status == (0 if fits else 1) and fits != ("(403)" in signed.stderr), str(signed)
    token = f'enroll = {{ token-file = "{tmp_path}/token" }}'
    (tmp_path / "token").write_text(real_ca.token("b.test", sans=names))
    everleafd = daemon(real_ca, certificate("one", 'names = ["b.test", "10.0.0.1"]', token, subject="b.test"))
    result = everleafd.once()
    assert result.status == (0 if fits else 1) and "(403)" not in result.stderr, str(result)
    if not fits:
        assert "the token is" in result.stderr and "everleaf ca token b.test --san b.test --san 10.0.0.1" in result.stderr, str(result)
        everleafd.configure(certificate("one", f"names = {json.dumps(names)}", token, subject="b.test"))
        everleafd.once().succeeded()


@real
def test_what_is_missing_is_enrolled_by_a_service_account(daemon, tmp_path):
    pods = K8sSaProvisioner()
    ca = RealCa(tmp_path / "ca", [*usual_provisioners(), pods])
    (tmp_path / "token").write_text(pods.token())
    daemon(ca, certificate("one", f'enroll = {{ token-file = "{tmp_path}/token" }}')).once().succeeded()
    ca.stop()


# When a renewal is refused

def by(kind, ca, credential, directory):
    (directory / "token").write_text(ca.token("myuser"))
    password = ca.password_file("admin") if callable(ca.password_file) else ca.password_file
    return {"password": f'enroll = {{ provisioner = "admin", password-file = "{password}" }}',
            "token file": f'enroll = {{ token-file = "{directory}/token" }}',
            "token command": f'enroll = {{ token-command = ["cat", "{directory}/token"] }}',
            "x5c": credential.enroll("hosts")}[kind]


CREDENTIALS = ["password", "token file", "token command", "x5c"]


@real
@pytest.mark.parametrize("kind", CREDENTIALS)
def test_what_expired_is_enrolled_again_in_the_same_try(daemon, x5c_ca, credential, tmp_path, kind):
    expired = issue(x5c_ca.intermediate, "myuser", names=["myuser"], not_before=now() - 2 * DAY,
                    provisioner=("admin", x5c_ca.provisioners["admin"].kid))
    everleafd = daemon(x5c_ca, certificate("one", by(kind, x5c_ca, credential, tmp_path))).place("one", expired)
    result = everleafd.once().succeeded()
    assert "event=renewal-refused" in result.stderr and everleafd.has_pair("one"), str(result)
    assert load(everleafd.crt("one")).not_valid_after > now()


@real
def test_what_expired_needs_another_token_where_the_first_is_spent(daemon, real_ca, everleaf, tmp_path):
    token = tmp_path / "token"
    token.write_text(real_ca.token("myuser"))
    everleafd = daemon(real_ca, certificate("one", f'enroll = {{ token-file = "{token}" }}'))
    everleafd.once().succeeded()
    shutil.rmtree(everleafd.live)
    everleafd.place("one", real_ca.leaf(not_before=now() - 2 * DAY)).start()
    everleafd.wait_for_log("event=failed")
    assert "(401)" in everleafd.log()
    token.write_text(real_ca.token("myuser"))
    everleaf("renew", "one", "--config", everleafd.config).succeeded()
    everleafd.wait(lambda: load(everleafd.crt("one")).not_valid_after > now())
    everleafd.terminate()


@real
def test_what_expired_is_renewed_by_token_where_the_provisioner_allows(daemon, x5c_ca):
    expired = issue(x5c_ca.intermediate, "myuser", names=["myuser"], not_before=now() - 2 * DAY,
                    provisioner=("late", x5c_ca.provisioners["late"].kid))
    everleafd = daemon(x5c_ca, certificate("one", f'enroll = {{ token-file = "/none" }}')).place("one", expired)
    everleafd.once().succeeded()
    assert load(everleafd.crt("one")).not_valid_after > now()


@real
def test_what_may_not_be_renewed_is_enrolled_again_in_the_same_try(daemon, x5c_ca, credential):
    due = issue(x5c_ca.intermediate, "myuser", names=["myuser"], not_before=now() - 0.75 * DAY,
                provisioner=("norenew", x5c_ca.provisioners["norenew"].kid))
    everleafd = daemon(x5c_ca, certificate("one", credential.enroll())).place("one", due)
    result = everleafd.once().succeeded()
    assert "event=renewal-refused" in result.stderr and everleafd.has_pair("one"), str(result)
    assert load(everleafd.crt("one")).not_valid_before > now() - DAY / 24


@pytest.mark.parametrize("age", [0.75, 2], ids=["due", "expired"])
@pytest.mark.parametrize("status", [401, 403])
def test_a_refusal_without_a_credential_is_for_the_operator(daemon, lying_ca, age, status):
    everleafd = daemon(lying_ca, certificate("one")).place("one", lying_ca.leaf(not_before=now() - age * DAY))
    old = everleafd.serial("one")
    lying_ca.lies["rekey"] = lying_ca.lies["renew"] = refuses(status, "no")
    result = everleafd.once()
    assert result.status == 1 and f"({status})" in result.stderr and everleafd.serial("one") == old, str(result)


@pytest.mark.parametrize("age", [0.75, 2], ids=["due", "expired"])
@pytest.mark.parametrize("status, enrolls", [(400, 0), (401, 1), (403, 1), (404, 0), (500, 0)])
def test_only_a_refusal_of_who_asks_costs_a_credential(daemon, lying_ca, credential, tmp_path, age, status, enrolls):
    everleafd = daemon(lying_ca, certificate("one", by("token file", lying_ca, credential, tmp_path)))
    everleafd.place("one", lying_ca.leaf(not_before=now() - age * DAY))
    lying_ca.lies["rekey"] = lying_ca.lies["renew"] = refuses(status, "no")
    assert everleafd.once().status == 1 - enrolls
    assert len(lying_ca.asked("sign")) == enrolls
