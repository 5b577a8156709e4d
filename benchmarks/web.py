# SPDX-License-Identifier: Apache-2.0
"""Time the page with the table of 10,000 patients, over a socket.

Every kind of question is asked several times, and the median wall and processor time of
the whole answer is printed beside that of a page of 200 patients, the peer: what a page
costs must not grow with the patients.

    python benchmarks/web.py [--patients 10000] [--often 7]
"""

from __future__ import annotations

import argparse
import http.client
import statistics
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import uvicorn

from hepacast.report.content import (
    CaseScore,
    Evaluation,
    Exclusion,
    FlowStep,
    Model,
    OutcomeReport,
    ReportContent,
    Study,
)
from hepacast.serve.web.app import make_app
from hepacast.serve.web.guard import new_token
from hepacast.serve.web.server import listen

PEER = 200
QUESTIONS = {
    "first page": "/cohort",
    "a page in the middle": "/cohort?page=99",
    "found by id": "/cohort?q=P0004",
    "found by reason": "/cohort?q=phase&state=excluded",
    "sorted by a model": "/cohort?sort=model:model-3&down=1",
    "a part for htmx": "/cohort?sort=time&page=50",
}


def content(patients: int) -> ReportContent:
    """Draw a result: seven models, and every twentieth patient excluded."""
    rng = np.random.default_rng(1)
    names = [f"P{at:05d}" for at in range(patients)]
    left, kept = names[::20], [name for at, name in enumerate(names) if at % 20]
    months, event = rng.exponential(30, len(kept)), rng.random(len(kept)) < 0.4
    models = []
    for at in range(7):
        p = rng.random(len(kept))
        cases = tuple(
            CaseScore(case=c, score=float(s), probability=float(s), event=bool(e), time_months=m)
            for c, s, e, m in zip(kept, p, event, months.tolist(), strict=True)
        )
        seen = Evaluation(
            cohort="all", scope="out-of-fold", n=len(kept), events=int(event.sum()), cases=cases
        )
        models.append(Model(name=f"model-{at}", evaluations=(seen,)))
    outcome = OutcomeReport(
        name="rfs", kind="survival", n=len(kept), events=int(event.sum()), models=tuple(models)
    )
    gone = Exclusion(reason="no arterial phase", n=len(left), cases=tuple(left))
    step = FlowStep(label="All", n_before=patients, exclusions=(gone,), n_after=len(kept))
    return ReportContent(study=Study(name="large"), flow=(step,), outcomes=(outcome,))


def ask(port: int, token: str, path: str) -> float:
    """Return the seconds until the last byte of an answer."""
    headers = {"cookie": f"hepacast-{port}={token}"}
    if "time" in path:
        headers["HX-Request"] = "true"
    line = http.client.HTTPConnection("127.0.0.1", port)
    begun = time.perf_counter()
    line.request("GET", path, headers=headers)
    answer = line.getresponse()
    body = answer.read()
    spent = time.perf_counter() - begun
    if answer.status != 200 or b"P0" not in body:
        msg = f"{path}: {answer.status}"
        raise SystemExit(msg)
    return spent


def measure(patients: int, often: int) -> dict[str, tuple[float, float]]:
    """Return the median wall and processor milliseconds of every question."""
    found = {}
    with tempfile.TemporaryDirectory() as place, listen(0) as listener:
        text = content(patients).model_dump_json()
        (Path(place) / "result.json").write_text(text, encoding="utf-8")
        token, port = new_token(), listener.getsockname()[1]
        begun = time.process_time()
        app = make_app(Path(place), token)
        spent = time.process_time() - begun
        print(f"{patients} patients: {len(text) / 1e6:.1f} MB read at the start, {spent:.2f} s CPU")
        config = uvicorn.Config(app, access_log=False, log_level="warning", ws="none")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        for name, path in QUESTIONS.items():
            wall, cpu = [], []
            for _ in range(often):
                before = time.process_time()
                wall.append(1000 * ask(port, token, path))
                cpu.append(1000 * (time.process_time() - before))
            found[name] = (statistics.median(wall), statistics.median(cpu))
        server.should_exit = True
        thread.join()
    return found


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--patients", type=int, default=10_000)
    parser.add_argument("--often", type=int, default=7)
    chosen = parser.parse_args()
    # The smaller page is no peer for a question about its hundredth page: it gives its last.
    peer = measure(PEER, chosen.often)
    large = measure(chosen.patients, chosen.often)
    print(f"{'question':<22} {'wall ms':>8} {'CPU ms':>8} {'CPU ratio to ' + str(PEER):>18}")
    for name, (wall, cpu) in large.items():
        print(f"{name:<22} {wall:8.1f} {cpu:8.1f} {cpu / peer[name][1]:18.1f}")


if __name__ == "__main__":
    main()
