# SPDX-License-Identifier: Apache-2.0
"""The page stands alone, runs nothing of a stranger's, and says what must be said."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser

import pytest

from hepacast.report.content import Paragraph, Permutation, Reference, ReportContent, Study
from hepacast.report.document import Document, print_html, render_html
from hepacast.report.wording import with_interval

EVIL = "<script>alert(1)</script>"


class Page(HTMLParser):
    """Tags with their attributes, and the text of scripts and styles."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.inside: dict[str, str] = {}
        self.open = ""
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open = "" if ("type", "application/json") in attrs else tag
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:  # noqa: ARG002
        self.open = ""

    def handle_data(self, data: str) -> None:
        if self.open in {"script", "style"}:
            self.inside[self.open] = self.inside.get(self.open, "") + data
        else:
            self.words.append(data)

    def having(self, name: str) -> list[str]:
        """Values of an attribute, wherever it stands."""
        return [attributes[name] for _, attributes in self.tags if name in attributes]


@pytest.fixture(scope="module")
def html(document: Document) -> str:
    """The page of the simulated study."""
    return print_html(document)


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    """The page, parsed."""
    return Page(html)


def test_the_policy_allows_this_style_and_this_script_and_nothing_else(page: Page) -> None:
    (policy,) = [a["content"] for t, a in page.tags if a.get("http-equiv")]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["img-src"] == "data:"
    assert set(rules) == {f"{a}-src" for a in ("default", "img", "style", "script")} | {
        "base-uri",
        "form-action",
    }
    for tag in ("style", "script"):
        digest = hashlib.sha256(page.inside[tag].encode()).digest()
        assert rules[f"{tag}-src"] == f"'sha256-{base64.b64encode(digest).decode()}'"


def test_the_policy_stands_before_all_that_it_governs(html: str) -> None:
    assert html.index("Content-Security-Policy") < html.index("<style>")


def test_there_is_one_script_and_it_is_ours(page: Page) -> None:
    scripts = [a for t, a in page.tags if t == "script"]
    assert scripts.count({}) == 1
    # The others hold what a pointer reads: data, which no browser runs.
    assert all(a["type"] == "application/json" for a in scripts if a)
    assert "alert" not in page.inside["script"]


def test_a_patient_named_like_a_script_is_text(html: str, page: Page) -> None:
    assert EVIL not in html
    assert EVIL in "".join(page.words)
    assert not [name for _, a in page.tags for name in a if name.startswith("on")]


def test_chinese_names_are_there_as_they_are(html: str) -> None:
    assert "张三 肝癌" in html


def test_nothing_is_fetched_from_anywhere(page: Page) -> None:
    for value in page.having("src"):
        assert value.startswith("data:image/png;base64,")
    for value in page.having("href"):
        assert value.startswith("#")
    assert not page.having("style")
    assert not {"link", "iframe", "object", "embed", "form", "base"} & {t for t, _ in page.tags}
    assert "url(" not in re.sub(r"url\(#", "", page.inside["style"])


def test_ids_are_unique_and_every_link_arrives(page: Page) -> None:
    ids = page.having("id")
    assert len(ids) == len(set(ids))
    assert {value[1:] for value in page.having("href")} <= set(ids)


def test_every_picture_has_words(page: Page) -> None:
    alternatives = [a.get("alt", "") for t, a in page.tags if t == "img"]
    assert alternatives
    assert all(alternatives)


def test_every_model_and_its_numbers_are_in_the_page(content: ReportContent, page: Page) -> None:
    words = "".join(page.words).replace("\N{NO-BREAK SPACE}", " ")
    for outcome in content.outcomes:
        for model in outcome.models:
            for seen in model.evaluations:
                assert words.count(with_interval(seen.discrimination)) >= 2


def test_excluded_and_failed_cases_are_named_with_their_reasons(page: Page) -> None:
    words = "".join(page.words)
    for text in ("no arterial phase", "X-20", "an empty mask", "images/31/portal.nii.gz"):
        assert text in words


def test_equal_content_gives_an_equal_page(bare: ReportContent) -> None:
    assert render_html(bare) == render_html(bare.model_copy())


def test_a_report_of_nothing_is_still_a_page(bare: ReportContent) -> None:
    words = "".join(Page(render_html(bare)).words)
    assert "Nothing failed." in words
    assert "Synthetic" not in words


def test_a_phantom_is_said_loudly(page: Page) -> None:
    assert "Nothing here says anything about real patients." in "".join(page.words)


def test_an_as_published_run_is_stamped_as_optimistic() -> None:
    study = Study(name="paper", seed=1, protocol="as-published")
    words = "".join(Page(render_html(ReportContent(study=study))).words)
    assert "Optimistic: learned on patients that it scores" in words


@pytest.mark.parametrize(("mean", "warned"), [(0.5, False), (0.62, True)])
def test_a_control_that_beats_chance_is_an_alarm(
    content: ReportContent, mean: float, *, warned: bool
) -> None:
    null = tuple(mean + 0.01 * (at - 5) for at in range(11))
    control = Permutation(model="a", null=null, observed=0.7, p=0.1)
    outcome = content.outcomes[0].model_copy(update={"models": (), "permutations": (control,)})
    small = content.model_copy(update={"outcomes": (outcome,)})
    assert ("A control failed" in render_html(small)) is warned


def test_works_are_numbered_in_the_order_of_citation() -> None:
    content = ReportContent(
        study=Study(name="s", seed=1),
        methods=(Paragraph(text="First [@b], then [@a], then [@b], <b>[@nobody]."),),
        references=(Reference(key="a", text="Work A"), Reference(key="b", text="Work B")),
    )
    html = render_html(content)
    assert re.search(r'First <a class="cite" href="#work-1">\[1\]</a>', html)
    assert 'href="#work-2">[2]</a>, then <a class="cite" href="#work-1"' in html
    assert "&lt;b&gt;[@nobody]." in html
    assert html.index("Work B") < html.index("Work A")
