"""The plots, as SVG. Without matplotlib there are none."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

COLOURS = {
    "ours-02": "#7fc8a9",
    "ours-04": "#a8d5a2",
    "ours-07": "#4f9d8f",
    "ours-08": "#a8d5a2",
    "fast-02": "#0b6e4f",
    "fast-04": "#4c8c4a",
    "fast-07": "#083d2b",
    "fast-08": "#4c8c4a",
    "yours": "#111111",
    "solution": "#7fc8a9",
    "fast": "#0b6e4f",
    "rust": "#c8553d",
    "crossbeam": "#e08a70",
    "flume": "#8c2f1b",
    "tokio": "#f2b5a7",
    "go": "#3d7ea6",
    "moodycamel": "#5b5ea6",
    "tbb": "#9b9fd1",
    "boost": "#2e2f66",
    "ck": "#c2a14d",
    "urcu": "#8d6a9f",
    "glib": "#b08900",
    "nng": "#7f7f7f",
    "pipe": "#b0b0b0",
}


def possible() -> bool:
    """Is there something to plot with?"""
    return importlib.util.find_spec("matplotlib") is not None


def lines(
    path: Path,
    series: Mapping[str, tuple[str, Sequence[tuple[float, float]]]],
    across: str,
    up: str,
) -> None:
    """One line for each key: its label and its points. Both axes are logarithmic."""
    plt = _pyplot()
    from matplotlib import ticker

    figure, axes = plt.subplots(figsize=(7, 4))
    for key, (label, points) in series.items():
        x, y = zip(*points, strict=True)
        axes.plot(x, y, marker="o", markersize=4, label=label, color=COLOURS.get(key))
    ticks = sorted({x for _, points in series.values() for x, _ in points})
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_xticks(ticks, [_short(tick) for tick in ticks])
    axes.minorticks_off()
    axes.yaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(lambda number, _: _rate(number))
    axes.set_xlabel(across)
    axes.set_ylabel(up)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
    _save(figure, path)
    plt.close(figure)


def bars(path: Path, groups: Sequence[str], series: Mapping[str, tuple[str, Sequence[float]]], up: str) -> None:
    """A group of bars for each name, one bar for each key; 1 is where the line is. 0 is no bar."""
    plt = _pyplot()
    figure, axes = plt.subplots(figsize=(9, 4))
    width = 0.85 / max(len(series), 1)
    for i, (key, (label, heights)) in enumerate(series.items()):
        x = [group - 0.425 + width * (i + 0.5) for group in range(len(groups))]
        shown = [height if height > 0 else float("nan") for height in heights]
        axes.bar(x, shown, width, label=label, color=COLOURS.get(key))
    axes.set_yscale("log")
    axes.axhline(1, color="black", linewidth=0.8)
    axes.set_xticks(range(len(groups)), groups)
    axes.set_ylabel(up)
    axes.grid(axis="y", alpha=0.3)
    axes.legend(fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
    _save(figure, path)
    plt.close(figure)


def _pyplot() -> Any:
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "channels"  # the same figures give the same file
    import matplotlib.pyplot as plt

    return plt


def _save(figure: Any, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, bbox_inches="tight", metadata={"Date": None})


def _short(number: float) -> str:
    return f"{number / 1024:g} Ki" if number >= 1024 else f"{number:g}"


def _rate(number: float) -> str:
    return f"{number / 1e6:g} M" if number >= 1e6 else f"{number / 1e3:g} k"
