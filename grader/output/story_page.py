"""The story of a failing schedule as one self-contained page: a lane for each thread, the source beside it.

Arrow keys step through the schedule. The page fetches nothing: data, style and script are inside it.
"""

from __future__ import annotations

import html
import json
from pathlib import Path
from typing import Any

from grader import files
from grader.grading.outcome import TestResult
from grader.grading.story import Note, Spot, Step, Story, access_words, words_of
from grader.grading.submission import Code
from grader.output import render


def write(path: Path, result: TestResult, code: Code) -> None:
    """Writes the page of a result that has a story."""
    assert result.story is not None
    story = Story(result.story, code)
    data = {
        "threads": story.names,
        "steps": [_step(story, step) for step in story.steps],
        "before": story.omitted,
        "files": _files(story),
    }
    title = f"{render.TITLES.get(result.verdict, result.verdict)}: {result.sentence}"
    page = _PAGE.replace("@TITLE@", html.escape(title))
    page = page.replace("@HEAD@", _head(result))
    page = page.replace("@NOTES@", _notes(story))
    page = page.replace("@DATA@", json.dumps(data).replace("</", "<\\/"))
    files.write_atomically(path, page)


def _step(story: Story, step: Step) -> dict[str, Any]:
    spot = step.spot
    if not spot.line:
        spot = next((s for s in step.stack if s.line), spot)
    callers = [f"{s.function} ({s.short})" for s in step.stack if s.line][:6]
    text = words_of(story, step)
    return {
        "n": step.number,
        "thread": step.thread,
        "text": text,
        "op": step.op,
        "file": spot.file,
        "line": spot.line,
        "callers": callers,
    }


def _files(story: Story) -> dict[str, list[str]]:
    names = {s.file for step in story.steps for s in (step.spot, *step.stack) if s.file}
    return {name: story.source(name) for name in sorted(names) if story.source(name)}


def _head(result: TestResult) -> str:
    parts = [f"<p class=rule>{html.escape(result.rule)}</p>"] if result.rule else []
    if result.message and result.message != result.rule:
        parts.append(f"<p>{html.escape(result.message)}</p>")
    if result.call:
        parts.append(
            f"<p><code>{html.escape(result.call)}</code><br>expected {html.escape(result.expected)}, "
            f"got {html.escape(result.got)}</p>"
        )
    return "".join(parts)


def _notes(story: Story) -> str:
    parts = [_note(story, note) for note in story.accesses]
    if story.verdict in ("deadlock", "no_progress", "timeout"):
        parts += [_note(story, note) for note in story.ends]
        parts += [
            f"<li>What would have woken {html.escape(story.name(w.thread))}: {html.escape(w.text)}</li>"
            for w in story.wakers
        ]
    return f"<ul>{''.join(parts)}</ul>" if parts else ""


def _note(story: Story, note: Note) -> str:
    where = "".join(f" <code>{html.escape(_place(s))}</code>" for s in note.stack[:3])
    return f"<li>{html.escape(access_words(story, note))}{where}</li>"


def _place(spot: Spot) -> str:
    return f"{spot.short} {spot.function}"


_PAGE = """<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>@TITLE@</title>
<style>
:root { color-scheme: light dark; --line: #8886; --soft: #8882; --bad: #c22; }
body { font: 15px/1.45 system-ui, sans-serif; margin: 0; height: 100vh; display: flex; flex-direction: column; }
header { padding: .7em 1.2em; border-bottom: 1px solid var(--line); max-height: 40vh; overflow: auto; }
h1 { font-size: 1.15em; margin: 0; }
header p, header ul { margin: .3em 0 0; }
.rule { font-weight: 600; }
.keys { float: right; opacity: .7; }
kbd { border: 1px solid var(--line); border-radius: 3px; padding: 0 .4em; font: inherit; }
main { flex: 1; display: flex; min-height: 0; }
#lanes { flex: 3; overflow: auto; border-right: 1px solid var(--line); }
#code { flex: 2; overflow: auto; font: 13px/1.5 ui-monospace, monospace; padding: .5em 0; }
.row { display: grid; grid-template-columns: 3.2em repeat(var(--n), minmax(0, 1fr)); border-left: 4px solid transparent; cursor: pointer; scroll-margin-top: 2em; }
.row > * { padding: .12em .5em; border-left: 1px solid var(--line); overflow-wrap: anywhere; }
.row > :first-child { opacity: .6; text-align: right; border: 0; }
.names { position: sticky; top: 0; z-index: 1; background: Canvas; font-weight: 600; border-bottom: 1px solid var(--line); cursor: default; }
.does { border-radius: 3px; background: hsl(var(--hue) 70% 50% / .18); }
.where { opacity: .65; font-size: .85em; }
.now { border-left-color: currentColor; background: var(--soft); }
.later { opacity: .4; }
.fails .does { background: var(--bad); color: #fff; }
#code h2 { font-size: 1em; margin: 0 0 .4em; padding: .3em 1em; position: sticky; top: -.5em; z-index: 1; background: Canvas; }
#code pre { margin: 0; }
#code span { display: block; padding: 0 1em; white-space: pre; }
#code span::before { content: attr(data-n); display: inline-block; width: 3em; opacity: .5; }
#code .here { background: hsl(var(--hue) 70% 50% / .3); }
#callers { padding: .4em 1em; opacity: .8; }
@media (max-width: 700px) {
  .keys { display: none; }
  main { flex-direction: column; }
  #lanes { border: 0; border-bottom: 1px solid var(--line); }
}
</style>
<header>
<div class="keys"><kbd>&larr;</kbd> <kbd>&rarr;</kbd> step &nbsp; <kbd>&uarr;</kbd> <kbd>&darr;</kbd> same thread
 &nbsp; <kbd>Home</kbd> <kbd>End</kbd></div>
<h1>@TITLE@</h1>
@HEAD@
@NOTES@
</header>
<main>
<div id="lanes" tabindex="0" aria-label="the schedule"></div>
<div id="code"><h2></h2><div id="callers"></div><pre></pre></div>
</main>
<script id="data" type="application/json">@DATA@</script>
<script>
"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const lanes = document.getElementById("lanes"), code = document.getElementById("code");
const hue = thread => (thread * 97 + 200) % 360;
const used = [...new Set(data.steps.map(step => step.thread))].sort((a, b) => a - b);
const element = (parent, name, text, kind) => {
  const made = parent.appendChild(document.createElement(name));
  if (text !== undefined) made.textContent = text;
  if (kind) made.className = kind;
  return made;
};
lanes.style.setProperty("--n", used.length);
const names = element(lanes, "div", undefined, "row names");
element(names, "div", "");
for (const thread of used) element(names, "div", data.threads[thread]);
const rows = data.steps.map((step, index) => {
  const row = element(lanes, "div", undefined, "row" + (step.op === "fails" ? " fails" : ""));
  row.style.setProperty("--hue", hue(step.thread));
  element(row, "div", step.n);
  for (const thread of used) {
    const cell = element(row, "div");
    if (thread !== step.thread) continue;
    const does = element(cell, "div", step.text.replaceAll("->", "-\u2060>"), "does");
    if (step.line) element(cell, "div", step.file.split("/").pop() + ":" + step.line, "where");
  }
  row.onclick = () => show(index);
  return row;
});
let now = 0;
function show(index) {
  now = Math.max(0, Math.min(rows.length - 1, index));
  rows.forEach((row, i) => { row.classList.toggle("now", i === now); row.classList.toggle("later", i > now); });
  rows[now].scrollIntoView({ block: "nearest" });
  // A step without a line of its own is shown where its thread was last.
  const step = data.steps.slice(0, now + 1).reverse().find(s => s.thread === data.steps[now].thread && data.files[s.file]);
  if (!step) return;
  const lines = data.files[step.file];
  code.querySelector("h2").textContent = step.file + ":" + step.line;
  code.querySelector("#callers").textContent = step.callers.slice(1).map(c => "called from " + c).join(", ");
  const pre = code.querySelector("pre");
  if (pre.dataset.file !== step.file) {
    pre.replaceChildren();
    pre.dataset.file = step.file;
    lines.forEach((line, i) => element(pre, "span", line || " ").dataset.n = i + 1);
  }
  pre.querySelectorAll(".here").forEach(line => line.classList.remove("here"));
  const here = pre.children[step.line - 1];
  if (here) {
    here.classList.add("here");
    here.style.setProperty("--hue", hue(step.thread));
    here.scrollIntoView({ block: "center" });
  }
}
function sameThread(by) {
  const thread = data.steps[now].thread;
  for (let i = now + by; i >= 0 && i < rows.length; i += by)
    if (data.steps[i].thread === thread) return show(i);
}
const keys = { ArrowRight: () => show(now + 1), ArrowLeft: () => show(now - 1), ArrowDown: () => sameThread(1),
  ArrowUp: () => sameThread(-1), Home: () => show(0), End: () => show(rows.length - 1) };
addEventListener("keydown", event => {
  if (!keys[event.key]) return;
  event.preventDefault();
  keys[event.key]();
});
if (rows.length) show(0);
</script>
"""
