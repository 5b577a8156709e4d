"""A small study with two phases and hostile names, its pages, and a browser to open them."""

from __future__ import annotations

import json
import os
import shutil
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import uvicorn

from hepacast.core.geometry import Grid
from hepacast.core.volume import Region, Volume
from hepacast.io.nifti import write_nifti
from hepacast.report.write import write_report
from hepacast.run import whole
from hepacast.run.cases import measure
from hepacast.run.content.case_pages import write_case_pages
from hepacast.run.work.execution import Execution
from hepacast.serve.web.app import make_app
from hepacast.serve.web.guard import new_token
from hepacast.serve.web.results import case_id
from hepacast.serve.web.scans import Look, Scans, default_window, slice_png
from hepacast.serve.web.server import HOST, listen

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, ConsoleMessage, Page, Response

    from hepacast.report.content import ReportContent
    from hepacast.run.cases.load import Loaded
    from hepacast.serve.web.resume import Resume

EVIL = "<script>window.pwned=1</script>"
CHINESE = "张伟"
STAGES = ("A", "B", "C")
CASES = (EVIL, CHINESE, *(f"P{at:02d}" for at in range(2, 22)))
NO_MASK = CASES[-1]
"""The mask of this patient is empty."""
MARKED = "P02"
"""This patient has a map of what a network looked at."""
AXE = Path(__file__).with_name("axe.min.js")
STUDY = f"""
schema: 1
study: {{name: pages, title: "Early recurrence, {EVIL} {CHINESE}", synthetic: true}}
cases: {{table: cases.csv, masks: {{tumour: mask}}}}
clinical: {{table: clinical.csv, dictionary: fields.yaml}}
outcomes:
  er: {{kind: binary, event: er, event_level: "1", other_levels: ["0"]}}
regions: {{tumour: {{mask: tumour}}, ring: {{from: tumour, ring_mm: 3}}}}
features: {{own: {{regions: [tumour], params: {{families: [firstorder]}}}}}}
scores:
  rad: {{from: [own], steps: [impute, variance, zscore], model: ridge}}
  cli: {{from: [clinical], steps: [impute], model: regression}}
models: {{sets: {{rad: [rad], both: [rad, cli]}}}}
split: {{seed: 7, outer: 2, repeats: 1, inner: 2}}
controls: {{permuted_labels: 0}}
deploy: {{model: both, licence: Apache-2.0}}
"""
FIELDS = """
er: {kind: event, timing: outcome}
afp: {kind: number, unit: ng/mL, label: Alpha-fetoprotein, timing: baseline}
stage: {kind: category, levels: [A, B, C], label: BCLC stage, timing: baseline}
"""
# The second phase lies 4 mm higher and has thinner slices.
GRIDS = {
    "arterial": Grid((12, 24, 32), (4.0, 3.0, 3.0)),
    "portal": Grid((16, 24, 32), (3.0, 3.0, 3.0), origin=(0.0, 0.0, 4.0)),
}
CENTRE = (60.0, 30.0, 24.0)
"""Middle of all tumours: left, back and head positive, mm."""


def ball(grid: Grid, radius_mm: float) -> np.ndarray:
    """Fill a ball around the middle of the tumour."""
    points = grid.to_world(np.moveaxis(np.indices(grid.shape), 0, -1))
    inside: np.ndarray = ((points - np.array(CENTRE)) ** 2).sum(axis=-1) <= radius_mm**2
    return inside


def write_study(folder: Path) -> Path:
    """Write images, tables and the study file."""
    rng = np.random.default_rng(3)
    cases, clinical = ["case,phase,image,mask"], ["case,er,afp,stage"]
    for at, case in enumerate(CASES):
        signal = rng.normal()
        for phase, grid in GRIDS.items():
            tumour = ball(grid, 12 + at % 3)
            data = rng.normal(60, 8, grid.shape) + 30 * ball(grid, 30)
            data[:, :3] = -1000
            data[tumour] += 40 + 9 * signal
            write_nifti(Volume(data.round().astype(np.float32), grid), folder / f"{at}{phase}.nii")
            mask = tumour & (case != NO_MASK)
            write_nifti(Region(mask, grid), folder / f"{at}{phase}_m.nii")
            cases.append(f"{case},{phase},{at}{phase}.nii,{at}{phase}_m.nii")
        event = int(signal + rng.logistic() > 0)
        clinical.append(f"{case},{event},{rng.lognormal(3, 1):.1f},{STAGES[at % 3]}")
    (folder / "cases.csv").write_text("\n".join(cases), encoding="utf-8")
    (folder / "clinical.csv").write_text("\n".join(clinical), encoding="utf-8")
    (folder / "fields.yaml").write_text(FIELDS, encoding="utf-8")
    path = folder / "study.yaml"
    path.write_text(STUDY, encoding="utf-8")
    return path


def _one_picture(_case: str, loaded: Loaded) -> dict[str, bytes]:
    """Draw quickly what nobody looks at closely."""
    image = loaded.images["portal"]
    return {"regions": slice_png(image, 5, Look(default_window(image)))}


def _one_page(content: ReportContent, *words: Any, **options: Any) -> None:
    """Write the page of one patient."""
    facts = tuple(one for one in content.case_facts if one.case == EVIL)
    write_case_pages(content.model_copy(update={"case_facts": facts}), *words, **options)


@pytest.fixture(scope="session")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run the study; gives its file, with the results in ``out`` beside it."""
    path = write_study(tmp_path_factory.mktemp("pages"))
    out = path.parent / "out"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(whole, "write_report", partial(write_report, figures=("svg",)))
        patch.setattr(whole, "write_case_pages", _one_page)
        patch.setattr(measure, "draw_case", _one_picture)
        whole.run_study(path, out, execution=Execution(1))
    grid = GRIDS["arterial"]
    seen = np.where(ball(grid, 20), 1.0, 0.0).astype(np.float32)
    # As a run leaves it, of a network that never saw the patient.
    maps = out / "maps" / "er-dl"
    maps.mkdir(parents=True)
    write_nifti(Volume(seen, grid), maps / f"{MARKED}.nii.gz")
    caption = {"caption": f"Grad-CAM of the logit {EVIL}"}
    (maps / f"{MARKED}.json").write_text(json.dumps(caption))
    return path


@dataclass
class Site:
    """Pages on a port of this computer."""

    address: str
    token: str
    out: Path

    def case(self, name: str) -> str:
        """Return the address of a patient."""
        return f"/case/{case_id(name)}"


@contextmanager
def served(out: Path, scans: Scans | None = None, resume: Resume | None = None) -> Iterator[Site]:
    """Serve pages from a thread."""
    token = new_token()
    config = uvicorn.Config(
        make_app(out, token, scans=scans, resume=resume),
        access_log=False,
        log_level="warning",
        ws="none",
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    with listen(0) as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        yield Site(f"http://{HOST}:{listener.getsockname()[1]}", token, out)
        server.should_exit = True
        thread.join(20)


@pytest.fixture(scope="session")
def site(study: Path) -> Iterator[Site]:
    """Serve the pages of the study."""
    out = study.parent / "out"
    with served(out, Scans.of_study(study, out)) as found:
        yield found


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Start Chromium, with WebGL by the processor."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        pytest.skip("there is no chromium on this machine")
    flags = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
    with sync_api.sync_playwright() as driver:
        yield driver.chromium.launch(executable_path=path, args=flags)


@dataclass
class Visit:
    """A window of the browser, and everything that went wrong in it."""

    page: Page
    site: Site
    width: int
    said: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        def hear(message: ConsoleMessage) -> None:
            self.said.append(message.text)

        self.page.on("console", hear)
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))

    def open(self, path: str) -> Response | None:
        """Open a page."""
        found: Response | None = self.page.goto(self.site.address + path)
        return found

    def require_quiet(self) -> None:
        """Fail if the console spoke, a policy was broken, or anybody else was asked."""
        assert self.said == []
        ours = (self.site.address, f"blob:{self.site.address}", "data:")
        assert [url for url in self.asked if not url.startswith(ours)] == []
        assert self.page.evaluate("window.pwned") is None

    def require_fits(self) -> None:
        """Fail if the page is wider than the screen."""
        wide = self.page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0

    def faults(self) -> list[str]:
        """Return what axe-core calls serious or critical."""
        self.page.evaluate(AXE.read_text(encoding="utf-8"))
        found = self.page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        return [
            f"{one['id']}: {node['target']}"
            for one in found["violations"]
            if one["impact"] in {"serious", "critical"}
            for node in one["nodes"]
        ]

    def keep(self, name: str) -> None:
        """Keep a picture of the page, where somebody wants to look at them."""
        folder = os.environ.get("HEPACAST_SCREENSHOTS")
        if folder:
            path = Path(folder) / f"{name}-{self.width}.png"
            self.page.screenshot(path=path, full_page=True)


@pytest.fixture(params=[1280, 390], ids=["desktop", "phone"])
def visit(request: pytest.FixtureRequest, browser: Browser, site: Site) -> Iterator[Visit]:
    """Open a window of two widths, with the token's cookie."""
    context = browser.new_context(viewport={"width": request.param, "height": 900})
    found = Visit(context.new_page(), site, request.param)
    found.open(f"/?token={site.token}")
    yield found
    context.close()


@pytest.fixture
def desk(browser: Browser, site: Site) -> Iterator[Visit]:
    """Open a window on a desk."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    found = Visit(context.new_page(), site, 1280)
    found.open(f"/?token={site.token}")
    yield found
    context.close()
