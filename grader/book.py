"""`make book`: docs/ and a chapter for each exercise as a site, made by mkdocs. Nothing is written twice.

The pages are laid out as the kit is, so that the links in them hold in both.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

from grader import files
from grader.errors import GraderError, NotInstalled
from grader.exercises import BUILD, ROOT, Exercise, all_exercises, read_text

SITE = BUILD / "book"
PAGES = BUILD / "book-pages"
FAST = ROOT / "solutions" / "fast" / "README.md"  # not in a kit for students
FIRST = ("how-the-checks-work.md", "from-other-languages.md", "vocabulary.md")
CURE = "On Debian: sudo apt-get install mkdocs mkdocs-material (or: sh setup.sh book)"

SETTINGS = {
    "site_name": "Channels in C",
    "site_dir": str(SITE),
    "docs_dir": str(PAGES),
    "use_directory_urls": False,  # the pages can be read without a server
    "theme": {
        "name": "material",
        "font": False,  # a reader fetches nothing from elsewhere
        "features": ["navigation.sections", "navigation.top", "toc.integrate"],
        "palette": [
            {"media": "(prefers-color-scheme: light)", "scheme": "default", "primary": "indigo"},
            {"media": "(prefers-color-scheme: dark)", "scheme": "slate", "primary": "indigo"},
        ],
    },
    "markdown_extensions": [
        "tables", "md_in_html", "sane_lists", "pymdownx.superfences", "pymdownx.highlight",
        {"toc": {"permalink": True}},
    ],
}  # fmt: skip


def make() -> Path:
    """Makes build/book/ anew; a link that leads nowhere is an error."""
    mkdocs = shutil.which("mkdocs")
    if mkdocs is None:
        raise NotInstalled("mkdocs", CURE)
    shutil.rmtree(PAGES, ignore_errors=True)
    write_pages()
    settings = BUILD / "book.yml"  # JSON is YAML, too
    files.write_atomically(settings, json.dumps(SETTINGS | {"nav": contents()}))
    command = [mkdocs, "build", "--strict", "--clean", "-f", str(settings)]
    ended = subprocess.run(command, capture_output=True, text=True)
    if "Unrecognised theme" in ended.stderr:
        raise GraderError(f"mkdocs has no theme 'material'. {CURE}")
    if ended.returncode != 0:
        said = re.findall(r"^(?:WARNING|ERROR) +- +(.*)", ended.stderr, re.MULTILINE) or [ended.stderr.strip()]
        raise GraderError("The book can't be made:\n  " + "\n  ".join(said).replace(f"{ROOT}/", ""))
    return SITE


def contents() -> list[object]:
    """The chapters, in the order one reads them."""
    docs = sorted(path.name for path in (ROOT / "docs").glob("*.md"))
    rest = [name for name in docs if name not in (*FIRST, "students.md")]
    fast = [{"From clear to fast": str(FAST.relative_to(ROOT))}] if FAST.exists() else []
    return [
        {"Start": "README.md"},
        "docs/students.md",
        {"Exercises": [f"exercises/{exercise.name}/README.md" for exercise in all_exercises()]},
        {"Background": [*(f"docs/{name}" for name in FIRST if name in docs), *fast]},
        {"More": [*(f"docs/{name}" for name in rest), *(p.name for p in ROOT.glob("C*.md"))]},
    ]


def write_pages() -> None:
    for path in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*")]:
        target = PAGES / path.relative_to(ROOT)
        if path.suffix == ".md":
            files.write_atomically(target, _for_mkdocs(read_text(path)))
        elif path.is_file():
            files.write_atomically(target, path.read_bytes())
    if FAST.exists():
        files.write_atomically(PAGES / FAST.relative_to(ROOT), _for_mkdocs(_with_diffs(FAST)))
    for exercise in all_exercises():
        page = PAGES / "exercises" / exercise.name / "README.md"
        files.write_atomically(page, _for_mkdocs(chapter(exercise)))


def _with_diffs(page: Path) -> str:
    """A page, and in the place of each line that leads to a patch, what is in it."""

    def shown_here(link: re.Match[str]) -> str:
        return f"```diff\n{read_text(page.parent / link[1]).rstrip()}\n```"

    return re.sub(r"^\[[^\]]*\]\((\S+\.patch)\)$", shown_here, read_text(page), flags=re.MULTILINE)


def chapter(exercise: Exercise) -> str:
    """The task, and below it the contract."""
    text = read_text(exercise.directory / "README.md").rstrip()
    for header in sorted(exercise.directory.glob("*.h")):
        text += f"\n\n## The contract: `{header.name}`\n\n```c\n{read_text(header).rstrip()}\n```"
    return text + "\n"


def _for_mkdocs(text: str) -> str:
    """GitHub's Markdown in that of Python: a list needs an empty line before it, folded text a mark."""
    text = text.replace("<details>", '<details markdown="1">')
    lines: list[str] = []
    in_code = False
    for line in text.splitlines():
        in_code ^= line.lstrip().startswith("```")
        before = lines[-1] if lines else ""
        item = re.match(r"([-*]|\d+\.) ", line)
        if item and not in_code and before.strip() and not re.match(r"([-*]|\d+\.) |  ", before):
            lines.append("")
        lines.append(line)
    return "\n".join(lines) + "\n"
