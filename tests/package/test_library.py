# SPDX-License-Identifier: Apache-2.0
"""Ten lines are built against the installed library, both ways."""
import os
import subprocess
from pathlib import Path

import pytest

CONSUMER = Path(__file__).with_name("consumer")


def succeeds(*command, **options):
    ended = subprocess.run(list(map(str, command)), text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options)
    assert ended.returncode == 0, ended.stdout
    return ended.stdout


@pytest.fixture
def pkg_config(prefix):
    [directory] = {file.parent for file in prefix.rglob("everleaf.pc")}
    environment = {**os.environ, "PKG_CONFIG_PATH": str(directory)}
    return lambda *flags: succeeds("pkg-config", *flags, "everleaf", env=environment).split()


def works(program, directory):
    said = succeeds(program, cwd=directory)
    assert "everleaf.toml" in said and "127.0.0.1:1" in said


def test_cmake_finds_it(prefix, tmp_path):
    succeeds("cmake", "-G", "Ninja", "-S", CONSUMER, "-B", tmp_path, f"-DCMAKE_PREFIX_PATH={prefix}")
    succeeds("cmake", "--build", tmp_path)
    works(tmp_path / "consumer", tmp_path)


def test_pkg_config_finds_it(pkg_config, tmp_path):
    succeeds("g++", "-std=c++20", "-o", tmp_path / "consumer", CONSUMER / "main.cpp", *pkg_config("--cflags", "--libs"))
    works(tmp_path / "consumer", tmp_path)


def test_each_installed_header_needs_only_installed_ones(prefix, pkg_config, tmp_path):
    include = prefix / "include"
    headers = sorted(str(file.relative_to(include)) for file in include.rglob("*.hpp"))
    assert "everleaf/lifecycle/plan.hpp" in headers and "everleaf/json/json.hpp" not in headers
    text = "".join(f"#include <{header}>\n" for header in headers)
    succeeds("g++", "-std=c++20", "-fsyntax-only", "-x", "c++", "-", f"-I{include}", input=text)


def test_versions_agree(prefix, pkg_config):
    assert succeeds(prefix / "bin" / "everleaf", "version").split()[:2] == ["everleaf", f"CLI/{pkg_config('--modversion')[0]}"]
