# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Tests of what an installation consists of."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

import mirror_robot

ROOT = Path(__file__).resolve().parent.parent
MANIFEST = ElementTree.parse(ROOT / "package.xml").getroot()


def entry_points() -> dict[str, str]:
    lines = re.findall(r'"(\w+) = ([\w.:]+)"', (ROOT / "setup.py").read_text(encoding="utf-8"))
    return dict(lines)


def imported_packages() -> set[str]:
    """Return the top-level packages that the shipped Python files import."""
    found = set()
    for folder in ("mirror_robot", "launch"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Import):
                    found |= {alias.name.split(".")[0] for alias in node.names}
                elif isinstance(node, ast.ImportFrom) and not node.level:
                    found.add(node.module.split(".")[0])
    return found - set(sys.stdlib_module_names) - {"mirror_robot"}


def test_the_version_is_the_same_everywhere():
    setup = re.search(r'version="([^"]+)"', (ROOT / "setup.py").read_text(encoding="utf-8"))
    assert MANIFEST.findtext("version") == setup[1] == mirror_robot.__version__
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"## {setup[1]}" in changes


def test_every_command_can_be_imported():
    names = entry_points()
    assert {"mirror_robot", "perception_node", "mirror_node", "actuation_node",
            "simulation_node"} <= set(names)
    for target in names.values():
        module, function = target.split(":")
        assert callable(getattr(importlib.import_module(module), function))


def test_the_manifest_is_one_that_colcon_takes():
    assert MANIFEST.get("format") == "3"
    assert MANIFEST.findtext("export/build_type") == "ament_python"
    assert re.fullmatch(r"[\w.+-]+@[\w-]+(\.[\w-]+)+", MANIFEST.find("maintainer").get("email"))
    assert (ROOT / MANIFEST.find("license").get("file")).is_file()
    assert (ROOT / "resource" / MANIFEST.findtext("name")).is_file()


def test_every_imported_package_is_named_as_a_dependency():
    depends = {element.text for element in MANIFEST if element.tag.endswith("depend")}
    by_rosdep = {"cv2": "python3-opencv", "numpy": "python3-numpy", "yaml": "python3-yaml"}
    requirements = (ROOT / "requirements-ros.txt").read_text(encoding="utf-8")
    by_pip = set(re.findall(r"^([\w-]+)", requirements, re.MULTILINE))
    with_others = {"PIL", "matplotlib", "trimesh", "websockets"}  # MediaPipe, viser
    lacking = {
        name for name in imported_packages() - with_others
        if by_rosdep.get(name, name) not in depends and name not in by_pip}
    # Used where it is there; nothing depends on it.
    assert lacking <= {"hri_msgs", "tf2_msgs"}


def test_no_second_opencv_is_ever_installed():
    for path in ROOT.glob("requirements*.txt"):
        lines = path.read_text(encoding="utf-8").splitlines()
        assert not [line for line in lines if line.startswith("opencv")], path.name


@pytest.mark.slow
def test_an_installation_by_pip_has_commands_and_share_files(tmp_path):
    source, target = tmp_path / "source", tmp_path / "target"
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, check=True).stdout.decode().split("\0")
    for name in filter(None, listed):
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
         "--no-deps", "--target", str(target), str(source)], check=True)
    assert (target / "bin" / "mirror_robot").is_file()
    share = target / "share" / "mirror_robot"

    def files(root: Path, folder: str) -> set[Path]:
        return {path.relative_to(root) for path in (root / folder).rglob("*")
                if path.is_file() and "__pycache__" not in path.parts}

    for folder in ("config", "description", "launch", "worlds"):
        assert files(source, folder) == files(share, folder)
    assert (target / "share/ament_index/resource_index/packages/mirror_robot").is_file()
    assert (target / "mirror_robot" / "py.typed").is_file()
