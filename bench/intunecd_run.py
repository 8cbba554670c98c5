"""Runs the unmodified IntuneCD backup against a local Graph; executed by `.venv-bench`'s Python.

One thing is changed, the host part of its request addresses: `https://graph.microsoft.com` becomes
the local Graph. The token comes through IntuneCD's own option, and its own option for apps that may
only read leaves out encrypted OMA values. Its threads, batches, waits and files are its own.

    python intunecd_run.py GRAPH_ROOT TOKEN FOLDER [further options of IntuneCD]

REQUESTS_CA_BUNDLE names the certificate authority of the local Graph.
"""

import contextlib
import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

import requests

GRAPH = "https://graph.microsoft.com"
original = requests.request


def main() -> None:
    """Run one backup and print one line of JSON: seconds, CPU, files, bytes, errors."""
    root, token, folder, *options = sys.argv[1:]

    def redirected(method: str, url: str, **more: Any) -> requests.Response:
        return original(method, url.replace(GRAPH, root, 1), **more)

    requests.request = redirected
    from IntuneCD import run_backup

    sys.argv = ["IntuneCD-startbackup", "-m", "1", "-t", token, "-p", folder, "-o", "json"]
    sys.argv += ["--ignore-omasettings", *options]
    log = Path(folder).with_suffix(".log")
    before = resource.getrusage(resource.RUSAGE_SELF)
    began = time.perf_counter()
    with log.open("w", encoding="utf-8", errors="replace") as out, contextlib.redirect_stdout(out):
        run_backup.start()
    seconds = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_SELF)
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    files = [path for path in Path(folder).rglob("*.json") if "Assignment Report" not in path.parts]
    print(
        json.dumps(
            {
                "seconds": round(seconds, 3),
                "files": len(files),
                "bytes": sum(path.stat().st_size for path in files),
                "client_cpu": round(
                    after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, 3
                ),
                "errors": [line for line in lines if "[ERROR]" in line][:20],
            }
        )
    )


if __name__ == "__main__":
    main()
