# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Installs the package for ROS 2 (colcon, ament_python) and for a virtual environment (pip)."""

from pathlib import Path

from setuptools import find_packages, setup

NAME = "mirror_robot"
SHARE = f"share/{NAME}"


def share_files(*folders: str) -> list[tuple[str, list[str]]]:
    """Return the files below `folders` as ``data_files`` that keep their place below share."""
    grouped: dict[str, list[str]] = {}
    for folder in folders:
        for path in sorted(Path(folder).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                grouped.setdefault(f"{SHARE}/{path.parent.as_posix()}", []).append(path.as_posix())
    return list(grouped.items())


setup(
    name=NAME,
    version="0.1.0",
    description="Imitation through a mirror system: see a person, re-live it, understand, act",
    # Beside the real setup.py: `colcon build --symlink-install` runs a link to it elsewhere.
    long_description=(Path(__file__).resolve().parent / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    author="The mirror_robot authors",
    maintainer="mirror_robot maintainers",
    maintainer_email="mirror_robot@users.noreply.github.com",
    license="Apache-2.0",
    python_requires=">=3.10",
    packages=find_packages(include=[NAME, f"{NAME}.*"]),
    package_data={"": ["py.typed", "*.json", "*.npz", "*.yaml"]},
    data_files=[
        ("share/ament_index/resource_index/packages", [f"resource/{NAME}"]),
        (SHARE, ["package.xml"]),
        *share_files("launch", "config", "description", "worlds", "benchmarks", "examples"),
    ],
    # Only what a ROS install has as well, so that a dependency check on import passes there; the
    # full, pinned sets are the requirements files.
    install_requires=["numpy", "pyyaml"],
    zip_safe=False,
    entry_points={
        "console_scripts": [
            "mirror_robot = mirror_robot.console:main",
            "perception_node = mirror_robot.nodes.perception_node:main",
            "rep155_node = mirror_robot.nodes.rep155_node:main",
            "mirror_node = mirror_robot.nodes.mirror_node:main",
            "actuation_node = mirror_robot.nodes.actuation_node:main",
            "sharing_node = mirror_robot.nodes.sharing_node:main",
            "rviz_node = mirror_robot.nodes.rviz_node:main",
            "simulation_node = mirror_robot.nodes.simulation_node:main",
            "viewer_node = mirror_robot.nodes.viewer_node:main",
        ],
    },
)
