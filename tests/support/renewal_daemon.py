# SPDX-License-Identifier: Apache-2.0
"""`everleaf ca renew --daemon` or `ca rekey --daemon` of client.crt and client.key in a directory."""
import re
import subprocess
import time

from certificates import load
from program import BINARIES, PATIENCE, die_with_parent, environment, wait_until


class RenewalDaemon:
    def __init__(self, directory, command, ca, *arguments, before=()):
        self.log_file, self.crt = directory.parent / "renewal.log", directory / "client.crt"
        line = [*before, BINARIES / "everleaf", "ca", command, "client.crt", "client.key", "--daemon", *ca.trust(), *arguments]
        with open(self.log_file, "ab") as log:
            self.process = subprocess.Popen(
                list(map(str, line)), stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment(directory.parent),
                cwd=directory, start_new_session=True, preexec_fn=die_with_parent)

    def log(self):
        return self.log_file.read_text(errors="backslashreplace")

    def wait(self, happened, seconds=20, what=None):
        def look():
            assert self.process.poll() is None, f"it ended with {self.process.returncode}"
            return happened()
        try:
            return wait_until(look, seconds, what)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.log()[-3000:]}") from None

    def wait_for_log(self, text, times=1, seconds=20):
        """Regular expressions count over restarts."""
        self.wait(lambda: len(re.findall(text, self.log())) >= times, seconds)

    def wait_for_another(self, serial, seconds=20):
        return self.wait(lambda: (found := load(self.crt).serial_number) != serial and found, seconds)

    def tell(self, number):
        self.process.send_signal(number)

    def terminate(self):
        """Within two seconds, and well."""
        started = time.monotonic()
        self.process.terminate()
        status = self.process.wait(10)
        assert status == 0, f"ended with {status}: {self.log()[-3000:]}"
        assert time.monotonic() - started < 2 * PATIENCE

    def kill(self):
        self.process.kill()
        self.process.wait()
