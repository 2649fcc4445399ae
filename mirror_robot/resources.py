# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Where the files that come with the package are: config, description, launch, worlds."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

PACKAGE = "mirror_robot"


def _ament_prefixes() -> Iterator[Path]:
    for prefix in os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep):
        if prefix:
            yield Path(prefix)


def share_folders(package: str = PACKAGE) -> Iterator[Path]:
    """Yield the share folders of `package`, best first.

    A checkout comes before an installed copy, so that what a developer edits is what runs. The
    ament index is read from the environment and not through ament_index_python: the rclpy wheels
    leave ``AMENT_PREFIX_PATH`` unset, and in a virtual environment ``data_files`` go below
    ``sys.prefix``.
    """
    source = Path(__file__).resolve().parent.parent
    if package == PACKAGE and (source / "package.xml").is_file():
        yield source
    for prefix in (*_ament_prefixes(), Path(sys.prefix), Path(sys.base_prefix)):
        folder = prefix / "share" / package
        if folder.is_dir():
            yield folder


def share_file(relative: str, package: str = PACKAGE) -> Path:
    """Return the path of a file in a package's share folder, such as ``config/mirror.yaml``.

    Raises
    ------
    FileNotFoundError
        If no share folder of the package holds it; the message names the folders searched.
    """
    searched = list(share_folders(package))
    for folder in searched:
        if (folder / relative).exists():
            return folder / relative
    where = ", ".join(map(str, searched)) or "no share folder of that package (is it installed?)"
    raise FileNotFoundError(f"{relative} of package {package} not found; searched {where}")


def cache_folder() -> Path:
    """Return the user's cache folder of this package (models, sample footage); made when absent.

    ``MIRROR_ROBOT_CACHE`` wins over ``XDG_CACHE_HOME``, which wins over ``~/.cache``.
    """
    named = os.environ.get("MIRROR_ROBOT_CACHE")
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / PACKAGE
    folder = Path(named).expanduser() if named else base
    folder.mkdir(parents=True, exist_ok=True)
    return folder
