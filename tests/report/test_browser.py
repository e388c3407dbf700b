"""The pages in a real browser, at phone and desktop width, light and dark."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from autograder.records import Assignment, Execution, GradeReport, ShownOutput
from autograder.report import write_class, write_submission

CHROMIUM = "/usr/bin/chromium" if Path("/usr/bin/chromium").exists() else shutil.which("chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--no-first-run",
    "--disable-component-update",
    "--disable-sync",
]
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium at /usr/bin/chromium or on PATH"),
]
PAGES = [
    "student/feedback.html",
    "student/instructor.html",
    "student/executed.html",
    "class.html",
    "broken/feedback.html",
]

# WCAG 2 contrast of every element that holds text of its own, over the nearest painted background.
LOW_CONTRAST = """() => {
  const parse = c => (c.match(/[\\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(v => v / 255)
    .map(v => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
  const behind = e => { for (; e; e = e.parentElement) {
    const c = parse(getComputedStyle(e).backgroundColor);
    if (c.length === 3 || c[3] > .99) return c; } return [255, 255, 255]; };
  const low = [];
  for (const e of document.body.querySelectorAll('*')) {
    if (e.closest('svg') || e.closest('.visually-hidden')) continue;
    if (![...e.childNodes].some(n => n.nodeType === 3 && n.data.trim())) continue;
    const [a, b] = [light(parse(getComputedStyle(e).color)), light(behind(e))];
    const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    if (ratio < 4.5) low.push(`${e.className} ${e.textContent.trim().slice(0, 20)} ${ratio.toFixed(2)}`);
  }
  return low; }"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def results(
    report: GradeReport,
    passed: Callable[[str], GradeReport],
    problem: Callable[[str], GradeReport],
    execution: Execution,
    assignment: Assignment,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    folder = tmp_path_factory.mktemp("results")
    long_name = replace(report, student="A_name_without_a_single_space_" * 5)
    write_submission(report, execution, assignment, folder / "student")
    write_submission(problem("Bo"), None, assignment, folder / "broken")
    for one in (report, passed("王伟 #1?"), problem("Bo"), long_name):
        write_submission(one, None, assignment, folder / one.folder_name)
    write_class([report, passed("王伟 #1?"), problem("Bo"), long_name], assignment, folder)
    return folder


class Visit:
    """One page opened, with what it said and asked for."""

    def __init__(
        self, browser: Any, path: Path, *, width: int, scheme: str = "light", script: bool = True
    ) -> None:
        self.context = browser.new_context(
            viewport={"width": width, "height": 800}, color_scheme=scheme, java_script_enabled=script
        )
        self.page = self.context.new_page()
        self.said: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("dialog", lambda dialog: self.said.append(f"dialog {dialog.message}"))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(path.as_uri())

    def __enter__(self) -> Visit:
        return self

    def __exit__(self, *_: object) -> None:
        self.context.close()


@pytest.mark.parametrize("width", [375, 1280])
@pytest.mark.parametrize("name", PAGES)
def test_a_page_fits_is_silent_and_asks_for_nothing(
    browser: Any, results: Path, name: str, width: int
) -> None:
    with Visit(browser, results / name, width=width) as visit:
        assert visit.page.evaluate("document.documentElement.scrollWidth") <= width
        assert visit.said == []
        assert [url for url in visit.asked if not url.startswith("data:")] == [(results / name).as_uri()]
        assert "Token attribution" in visit.page.title()
        if name != "student/executed.html":
            assert visit.page.locator("h1").inner_text() == "Token attribution"


@pytest.mark.parametrize("name", PAGES)
def test_all_text_has_contrast_in_light_and_dark(browser: Any, results: Path, name: str) -> None:
    with Visit(browser, results / name, width=1280) as visit:
        for scheme in ("light", "dark"):
            visit.page.emulate_media(color_scheme=scheme)
            # 0.31 is red by the student's own HTML
            assert [entry for entry in visit.page.evaluate(LOW_CONTRAST) if " 0.31 " not in entry] == []


@pytest.mark.parametrize("width", [375, 1280])
def test_strips_are_seen_with_both_rows(browser: Any, results: Path, width: int) -> None:
    with Visit(browser, results / "student/feedback.html", width=width) as visit:
        strips = visit.page.locator(".heat-strip")
        assert strips.count() == 1 and strips.first.is_visible()
        columns = visit.page.locator(".strip li:not(.labels)")
        assert columns.count() == 13  # 12 tokens, the padding folded into one column
        wecker = columns.nth(4)
        assert wecker.locator(".token").inner_text() == "Weck"
        assert [cell.get_attribute("title") for cell in wecker.locator(".heat").all()] == [
            "You: +0.62",
            "Reference: +0.83",
        ]
        box = wecker.bounding_box()
        assert box is not None and box["x"] >= 0 and box["x"] + box["width"] <= width


def test_the_plot_is_drawn(browser: Any, results: Path) -> None:
    with Visit(browser, results / "student/feedback.html", width=375) as visit:
        assert visit.page.locator("img.plot").evaluate("image => image.naturalWidth") == 480


HOSTILE_SVG = """<svg xmlns="http://www.w3.org/2000/svg" width="90" height="60" onload="alert(1)">
<script>alert(1)</script><image href="http://evil.example/a.png" width="9" height="9"/>
<foreignObject width="90" height="60"><img xmlns="http://www.w3.org/1999/xhtml" src="http://evil.example/b.png"/></foreignObject>
<rect width="60" height="40" fill="#3070c0"/></svg>"""
HOSTILE_HTML = """<div style='position:fixed;top:0;left:0;width:9000px;padding:9000px;background:#fff'>
<img src='http://evil.example/a.png' onerror='alert(1)'><span style='background: rgba(0, 255, 0, 0.9)'>Wecker</span>
</div><meta http-equiv=refresh content='0;url=http://evil.example'>"""


@pytest.mark.parametrize("width", [375, 1280])
def test_hostile_outputs_of_plot_cells_stay_in_their_boxes(
    browser: Any, report: GradeReport, assignment: Assignment, tmp_path: Path, width: int
) -> None:
    shown = (
        ShownOutput(kind="svg", content=HOSTILE_SVG),
        ShownOutput(kind="html", content=HOSTILE_HTML),
        ShownOutput(kind="text", content="IntSlider(value=3)"),
    )
    write_submission(replace(report, plots=(), shown=shown), None, assignment, tmp_path)
    for name in ("feedback.html", "instructor.html"):
        with Visit(browser, tmp_path / name, width=width) as visit:
            assert visit.page.evaluate("document.documentElement.scrollWidth") <= width
            assert visit.said == []
            assert [url for url in visit.asked if not url.startswith("data:")] == [(tmp_path / name).as_uri()]
            picture = visit.page.locator("img.plot")
            assert picture.evaluate("image => [image.naturalWidth, image.naturalHeight]") == [90, 60]
            box = visit.page.locator(".shown").bounding_box()
            assert box is not None and box["height"] <= 700 and box["width"] <= width
            assert "Wecker" in visit.page.locator(".shown").inner_text()


def test_feedback_reads_the_same_without_scripts(browser: Any, results: Path) -> None:
    with Visit(browser, results / "student/feedback.html", width=1280, script=False) as visit:
        text = visit.page.locator("main").inner_text()
        assert "9.5 of 24 points" in text and "What to do next" in text


def test_the_class_page_leads_to_every_student(browser: Any, results: Path) -> None:
    with Visit(browser, results / "class.html", width=1280) as visit:
        links = visit.page.locator("a").evaluate_all(
            "all => all.map(a => a.href).filter(h => h.includes('feedback'))"
        )
        assert len(links) == 4
        for link in links:
            visit.page.goto(link)
            assert "feedback for" in visit.page.title()


def test_feedback_prints(browser: Any, results: Path, tmp_path: Path) -> None:
    with Visit(browser, results / "student/feedback.html", width=1280, scheme="dark") as visit:
        assert visit.page.pdf(path=tmp_path / "feedback.pdf", format="A4").startswith(b"%PDF")
        visit.page.emulate_media(media="print")
        card = visit.page.locator(".card").first
        assert card.evaluate("card => getComputedStyle(card).backgroundColor") == "rgb(255, 255, 255)"
        assert visit.page.evaluate(LOW_CONTRAST) == []


def test_columns_of_the_class_page_sort_by_their_heading(browser: Any, results: Path) -> None:
    with Visit(browser, results / "class.html", width=1280) as visit:
        table = visit.page.locator("table.grades")

        def scores() -> list[float]:
            return [
                float(text) for text in table.locator("tbody tr > td:nth-child(2) strong").all_inner_texts()
            ]

        before = scores()
        heading = table.get_by_role("button", name="Automatic")
        heading.click()
        assert scores() == sorted(before, reverse=True) != before
        heading.press("Enter")
        assert scores() == sorted(before)
        assert table.locator("th[aria-sort=ascending]").inner_text().startswith("Automatic")
        table.get_by_role("button", name="Student").click()
        assert scores() == before, "they stand by name at first"
        assert visit.said == []


def test_another_script_on_the_class_page_does_not_run(browser: Any, results: Path, tmp_path: Path) -> None:
    page = (results / "class.html").read_text(encoding="utf-8")
    hostile = tmp_path / "class.html"
    hostile.write_text(
        page.replace("</main>", "<script>document.title = 'evil'</script></main>"), encoding="utf-8"
    )
    with Visit(browser, hostile, width=1280) as visit:
        assert visit.page.title() != "evil"
        assert visit.page.locator("button.sort").count() > 0
        assert any("Content Security Policy" in text for text in visit.said)


@pytest.mark.parametrize("width", [375, 1280])
def test_axe_finds_nothing_on_the_class_page(browser: Any, results: Path, width: int) -> None:
    from axe_playwright_python.sync_playwright import Axe

    context = browser.new_context(viewport={"width": width, "height": 800}, bypass_csp=True)
    try:
        page = context.new_page()
        page.goto((results / "class.html").as_uri())
        page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            found = Axe().run(page).response["violations"]
            assert [(one["id"], [node["html"][:200] for node in one["nodes"]]) for one in found] == [], scheme
    finally:
        context.close()
