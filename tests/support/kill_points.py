# SPDX-License-Identifier: Apache-2.0
"""Every moment at which a program changes files, and how to kill it right there."""
import re
from collections import Counter

from program import run

BY_NAME = "creat rename renameat renameat2 unlink unlinkat mkdir mkdirat rmdir link linkat symlink symlinkat".split()
# Not fsync: to be killed before it is to be killed before the call that follows it.
BY_DESCRIPTOR = "write writev pwrite64 fallocate ftruncate fchmod fchown fsetxattr".split()


def traced(arguments, directory, variables, *options):
    leaks = {"ASAN_OPTIONS": variables.get("ASAN_OPTIONS", "") + ":detect_leaks=0"}  # which ptrace would break
    return run(["/usr/bin/strace", "-f", "-qq", *options, *arguments], directory, {**variables, **leaks})


def kill_points(arguments, directory, variables, inside):
    """Runs the program once, to its end; (system call, n) for each call that changes something below `inside`."""
    trace = directory / "trace"
    calls = ",".join(["openat", *BY_NAME, *BY_DESCRIPTOR])
    result = traced(arguments, directory, variables, "-y", "-o", trace, "-e", f"trace={calls}")
    seen, points = Counter(), []
    for line in trace.read_text(errors="replace").splitlines():
        match = re.match(r"(\d+)\s+(\w+)\(", line)
        if not match:
            continue  # the second half of a call that another thread interrupted
        thread, call = match.groups()
        seen[thread, call] += 1
        creates = call == "openat" and "O_CREAT" in line
        if call in BY_NAME or ((creates or call in BY_DESCRIPTOR) and str(inside) in line):
            points.append((call, seen[thread, call]))
    trace.unlink()
    assert points, f"it changed nothing: {result}"
    return sorted(set(points)), result


def killed_at(point, arguments, directory, variables):
    call, count = point
    return traced(arguments, directory, variables, "-o", "/dev/null", "-e", f"trace={call}",
                  "-e", f"inject={call}:signal=KILL:when={count}")
