"""Draws what Prometheus answered to queries of the dashboard.

    draw.py FILE.png < DATA

DATA is JSON as picture_test.go writes it: panels with a title, a unit, whether they are stacked or states, and series of points, each a
number of seconds and a value, which is null where there is none.
"""

from __future__ import annotations

import json
import math
import sys
from io import BytesIO
from typing import Any

import matplotlib

matplotlib.use("Agg")

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter
from PIL import Image

COLUMNS = 3
WIDTH, HEIGHT = 4.6, 2.35  # of a panel, in inches
DOTS = 88  # of an inch
COLOURS = 96  # of the file
# Okabe and Ito's, which colour-blind readers can tell apart.
CYCLE = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7F7F7F", "#222222"]
GOOD, BAD, INK, FAINT = "#009E73", "#D55E00", "#222222", "#777777"
# How a unit of Grafana's is shown: what a number is multiplied by, and what stands behind it.
UNITS = {
    "µs": (0.001, " ms"),
    "Bps": (0.001, " kB/s"),
    "bytes": (1 / 1024, " KiB"),
    "percentunit": (100, " %"),
    "recps": (1, "/s"),
    "reqps": (1, "/s"),
    "cps": (1, "/s"),
    "s": (1, " s"),
}


def shown(unit: str) -> FuncFormatter:
    factor, behind = UNITS.get(unit, (1, ""))
    return FuncFormatter(lambda value, _: f"{value * factor:.4g}{behind}")


def number(value: float | None) -> float:
    return math.nan if value is None else value


def curves(axes: Axes, panel: dict[str, Any], zero: float) -> None:
    series = panel["series"]
    if panel["stacked"]:
        times = sorted({t for s in series for t, _ in s["points"]})
        heights = []
        for s in series:
            values = dict(map(tuple, s["points"]))
            heights.append([0 if math.isnan(number(values.get(t))) else number(values.get(t)) for t in times])
        axes.stackplot([t - zero for t in times], heights, labels=[s["name"] for s in series], colors=CYCLE, alpha=0.75, linewidth=0)
    else:
        for i, s in enumerate(series):
            axes.plot([t - zero for t, _ in s["points"]], [number(v) for _, v in s["points"]], label=s["name"], color=CYCLE[i % len(CYCLE)], linewidth=1.2)
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter(shown(panel["unit"]))
    axes.locator_params(axis="y", nbins=5)
    axes.set_axisbelow(True)
    axes.grid(axis="y", color="#E5E5E5", linewidth=0.6)


def states(axes: Axes, panel: dict[str, Any], zero: float) -> None:
    series = panel["series"]
    for i, s in enumerate(series):
        for t, v in s["points"]:
            axes.barh(i, 1.05, left=t - zero, height=0.7, color=GOOD if v else BAD, linewidth=0)
    axes.set_yticks(range(len(series)), [s["name"].replace(" from ", "\n") for s in series])
    axes.invert_yaxis()
    axes.plot([], color=GOOD, linewidth=6, label="reachable")
    axes.plot([], color=BAD, linewidth=6, label="out of reach")


def draw(panels: list[dict[str, Any]]) -> Figure:
    rows = math.ceil(len(panels) / COLUMNS)
    figure = Figure(figsize=(COLUMNS * WIDTH, rows * HEIGHT), layout="constrained")
    all_axes = figure.subplots(rows, COLUMNS, squeeze=False).flatten()
    times = [t for p in panels for s in p["series"] for t, _ in s["points"]]
    zero, end = min(times), max(times)
    for axes, panel in zip(all_axes, panels, strict=False):
        (states if panel["states"] else curves)(axes, panel, zero)
        axes.set_title(panel["title"], loc="left", fontsize=9, color=INK, fontweight="bold")
        axes.set_xlim(0, end - zero)
        axes.tick_params(labelsize=7, colors=FAINT, length=2)
        axes.xaxis.set_major_formatter(FuncFormatter(lambda seconds, _: f"{seconds:.0f} s"))
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
        if axes.get_legend_handles_labels()[0]:
            axes.legend(fontsize=6.5, loc="upper left", bbox_to_anchor=(0, -0.1), frameon=False, ncols=3, handlelength=1.2, columnspacing=1)
    for axes in all_axes[len(panels) :]:
        axes.set_visible(False)
    return figure


def main() -> None:
    picture = BytesIO()
    draw(json.load(sys.stdin)).savefig(picture, dpi=DOTS)
    Image.open(picture).convert("RGB").quantize(COLOURS).save(sys.argv[1], optimize=True)


main()
