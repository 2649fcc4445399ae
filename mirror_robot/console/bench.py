# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Runs the benchmarks, each in a process of its own, and prints what they measure.

Those that need recordings which do not come with the package look for them in the folder that
--data or MIRROR_ROBOT_BENCH_DATA names, and are skipped with a word where they lack them;
docs/benchmarks.md says what must be in there. Nothing else should run meanwhile.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import json
import os
import platform
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from mirror_robot import __version__
from mirror_robot.body.profile import choices
from mirror_robot.progress import Progress
from mirror_robot.resources import share_file

EXAMPLES = """\
examples:
  mirror_robot bench --list                    what there is, and what it measures
  mirror_robot bench moods memory
  mirror_robot bench --data ~/recordings       all, with those that need recordings
  mirror_robot bench moods --args="--trials 3"
  mirror_robot bench --json > today.json
  mirror_robot bench --keep docs/benchmarks/0.1.0.json    keep the figures of a version

exit codes: 0 all went well or were skipped, 1 one failed, 2 wrong use
"""

DATA = "MIRROR_ROBOT_BENCH_DATA"
"""Environment variable that names the folder of recordings."""
_SKIPPED = 77  # exit code of a benchmark that lacks its data, as benchmarks/material.py has it


def benchmarks() -> dict[str, str]:
    """Return name -> what it measures, of every benchmark that there is.

    Raises
    ------
    FileNotFoundError
        If they are not installed.
    """
    found = {}
    for path in sorted(share_file("benchmarks").glob("*.py")):
        source = path.read_text(encoding="utf-8")
        if "__main__" in source:  # others only help them
            docstring = ast.get_docstring(ast.parse(source)) or ""
            found[path.stem] = docstring.partition("\n\n")[0].replace("\n", " ")
    return found


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `mirror_robot bench`."""
    parser.add_argument("names", nargs="*", metavar="NAME", help="which (default: all)")
    parser.add_argument("--list", action="store_true", help="tell what there is and run nothing")
    parser.add_argument("--data", type=Path, metavar="FOLDER",
                        help=f"recordings for those that need some (default: {DATA})")
    parser.add_argument("--args", default="", metavar="TEXT",
                        help="further options of the benchmark, when it is one")
    parser.add_argument("--json", action="store_true", help="print results as JSON")
    parser.add_argument("--keep", type=Path, metavar="FILE",
                        help="add the results to FILE (JSON), by name; older ones are replaced")


def machine() -> dict[str, Any]:
    """Return what the figures depend on beside the code."""
    import numpy
    model = platform.processor()
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    return {"system": f"{platform.system()} {platform.machine()}", "processor": model,
            "cores": len(os.sched_getaffinity(0)), "python": platform.python_version(),
            "numpy": numpy.__version__, "mirror_robot": __version__}


def _anonymous(line: str, data: Path | None) -> str:
    """Return a line without the folders of this machine, which are nobody's concern."""
    for folder, name in ((data, "DATA"), (share_file("package.xml").parent, "."),
                         (Path.home(), "~")):
        if folder is not None:
            line = line.replace(str(folder), name)
    return line


def run_one(
    name: str, arguments: Sequence[str] = (), environment: Mapping[str, str] | None = None,
    tell: bool = True,
) -> dict[str, Any]:
    """Run a benchmark; return what came of it.

    Parameters
    ----------
    name : str
    arguments : sequence of str
        Its options.
    environment : mapping str -> str, optional
        Added to that of this process.
    tell : bool
        Print its output as it comes.

    Returns
    -------
    dict
        ``name``, ``date`` (UTC), ``state`` (measured, skipped or failed), ``exit_code``,
        ``seconds``, ``arguments`` and ``output``, a list of lines.
    """
    environment = dict(environment or {})
    data = environment.get(DATA, os.environ.get(DATA))
    command = [sys.executable, str(share_file(f"benchmarks/{name}.py")), *arguments]
    begin, lines = time.monotonic(), []
    with _leading_its_session(command, environment) as process:
        for line in process.stdout:
            lines.append(_anonymous(line.rstrip("\n"), Path(data) if data else None))
            if tell:
                print(line, end="", flush=True)
        code = process.wait()
    state = {0: "measured", _SKIPPED: "skipped"}.get(code, "failed")
    return {"name": name, "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            "state": state, "exit_code": code, "seconds": round(time.monotonic() - begin, 1),
            "arguments": list(arguments), "output": lines}


@contextlib.contextmanager
def _leading_its_session(
    command: Sequence[str], environment: Mapping[str, str],
) -> Iterator[subprocess.Popen[str]]:
    """Run a process that is ended, with all that it started, when the block is left."""
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, start_new_session=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1", **environment})
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)  # it may have nodes to end
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(5.0)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if process.stdout:
            process.stdout.close()


def keep(path: Path, results: Sequence[Mapping[str, Any]], where: Mapping[str, Any]) -> None:
    """Add measured results to a file, by name; what is there of others stays.

    Raises
    ------
    ValueError
        If the file holds something else; nothing is written then.
    """
    kept: dict[str, Any] = {}
    if path.exists():
        try:
            kept = json.loads(path.read_text(encoding="utf-8"))
            for name, result in kept.items():
                result["output"], result["machine"], name.lower()
        except (ValueError, TypeError, KeyError, AttributeError):
            raise ValueError(f"{path} holds no results of benchmarks; choose another file "
                             "for --keep") from None
    for result in results:
        if result["state"] == "measured":
            kept[result["name"]] = {**result, "machine": dict(where)}
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    part.write_text(json.dumps(dict(sorted(kept.items())), indent=1, ensure_ascii=False) + "\n",
                    encoding="utf-8")
    part.replace(path)


def run(options: argparse.Namespace) -> int:
    """Run what is asked for; return the exit code (1 when a benchmark failed).

    Raises
    ------
    ValueError
        If there is no such benchmark.
    """
    there = benchmarks()
    for name in options.names:
        if name not in there:
            raise ValueError(f"there is no benchmark {name!r}; {choices(name, there)}")
    names = options.names or list(there)
    if options.list:
        print(json.dumps({name: there[name] for name in names}, indent=2) if options.json else
              "\n".join(f"{name:26} {there[name]}" for name in names))
        return 0
    if options.args and len(names) != 1:
        raise ValueError("--args are the options of one benchmark: name one")
    if options.data is not None and not options.data.expanduser().is_dir():
        raise ValueError(f"--data: {options.data} is no folder")
    environment = {} if options.data is None else {DATA: str(options.data.expanduser().resolve())}
    results = []
    with Progress("benchmarks") as progress:
        for number, name in enumerate(names):
            if options.json:
                progress.show(number, len(names))
            else:  # its own lines would run into a bar
                print(f"\n== {name}, {number + 1} of {len(names)}: {there[name]}", flush=True)
            results.append(run_one(name, shlex.split(options.args), environment, not options.json))
    where = machine()
    if options.keep is not None:
        keep(options.keep, results, where)
    if options.json:
        print(json.dumps({"machine": where, "results": results}, indent=2, ensure_ascii=False))
    else:
        print()
        for result in results:
            print(f"{result['state']:>9}  {result['name']} ({result['seconds']:.0f} s)")
    return 1 if any(result["state"] == "failed" for result in results) else 0
