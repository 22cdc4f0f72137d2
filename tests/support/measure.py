# SPDX-License-Identifier: Apache-2.0
"""Runs a program from a small process and writes "STATUS PEAK_KIB" to a descriptor.

A child's peak memory starts with that of the process it was forked from: forked by pytest it would always be pytest's.
"""
import os
import sys

descriptor = int(sys.argv[1])
child = os.fork()
if child == 0:
    os.close(descriptor)
    os.execv(sys.argv[2], sys.argv[2:])
_, status, usage = os.wait4(child, 0)
os.write(descriptor, f"{os.waitstatus_to_exitcode(status)} {usage.ru_maxrss}".encode())
