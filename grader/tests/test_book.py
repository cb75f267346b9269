"""`make book`: every exercise has its chapter, every link leads somewhere, and nothing is fetched from elsewhere."""

from __future__ import annotations

import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from grader import book
from grader.errors import GraderError
from grader.exercises import EXERCISES, all_exercises

needs_mkdocs = pytest.mark.skipif(
    subprocess.run(["sh", "-c", "mkdocs build --help | grep -q material"], stderr=subprocess.DEVNULL).returncode != 0,
    reason="mkdocs or its theme is not installed",
)


class Page(HTMLParser):
    """The links of a page, and what can be linked to in it."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.fetched: list[str] = []
        self.names: set[str] = set()
        self.text = path.read_text(encoding="utf-8")
        self.feed(self.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.names.add(values.get("id", ""))
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
        elif tag in ("img", "script", "link") and values.get("rel") != "canonical":
            self.fetched.append(values.get("src") or values.get("href") or "")


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A book in a directory of its own."""
    monkeypatch.setattr(book, "BUILD", tmp_path)
    monkeypatch.setattr(book, "PAGES", tmp_path / "pages")
    monkeypatch.setattr(book, "SITE", tmp_path / "site")
    changed = {"site_dir": str(tmp_path / "site"), "docs_dir": str(tmp_path / "pages")}
    monkeypatch.setattr(book, "SETTINGS", book.SETTINGS | changed)
    return tmp_path


@needs_mkdocs
def test_every_link_leads_somewhere_and_every_exercise_has_its_chapter(elsewhere: Path) -> None:
    site = book.make()
    fast = (site / "solutions" / "fast" / "index.html").read_text()
    assert "From clear to fast" in fast and "@@ -" in fast and "The diff" not in fast
    pages = {path: Page(path) for path in site.rglob("*.html") if path.name != "404.html"}
    for path, page in pages.items():
        for link in filter(None, page.links + page.fetched):
            parts = urlsplit(link)
            if parts.scheme:
                assert link not in page.fetched and parts.scheme in ("http", "https", "mailto"), f"{path.name}: {link}"
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            assert target.exists(), f"{path.name}: {link}"
            if parts.fragment and target in pages:
                assert unquote(parts.fragment) in pages[target].names | {"__skip"}, f"{path.name}: {link}"
    for exercise in all_exercises():
        chapter = pages[site / "exercises" / exercise.name / "index.html"].text
        assert chapter.count("<details") == (EXERCISES / exercise.name / "README.md").read_text().count("<details>")
        assert "The contract: <code>channel.h</code>" in chapter
    assert not any("<p>- " in page.text or "\n- " in page.text for page in pages.values())  # lists are lists


@needs_mkdocs
def test_a_link_that_leads_nowhere_is_an_error(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(book, "chapter", lambda exercise: f"# {exercise.name}\n\n[more](nowhere.md)\n")
    with pytest.raises(GraderError, match=r"nowhere\.md"):
        book.make()


def test_without_mkdocs_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(GraderError, match="sudo apt-get install mkdocs mkdocs-material"):
        book.make()
