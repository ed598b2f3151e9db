"""Draws the charts of a benchmark.

    plot.py DIR

reads DIR/report.json, which report.go writes, and leaves in DIR
    summary.png     the key figures, a panel for each
    throughput.png  records a second, divided by what a direct connection had in the same round
    cpu.png         CPU seconds per GB that clients, proxy and brokers take
    latency.png     percentiles, of the scenarios with a rate
A chart without scenarios is not written. Each scenario is a panel, and each way has the same row in all of them.
Figures are reckoned as figures.go does, so that they are those of report.md.
"""

from __future__ import annotations

import io
import json
import math
import sys
import textwrap
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib

matplotlib.use("Agg")

from matplotlib import ticker
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.legend_handler import HandlerTuple
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from PIL import Image

# Ways in the order of rows; the colours are Okabe and Ito's, which colour-blind readers can tell apart.
WAYS = {
    "direct": "#808080",
    "direct, without sessions": "#505050",
    "Envoy tcp_proxy": "#56B4E9",
    "Kafka mesh in Envoy": "#D55E00",
    "Kafka mesh in Envoy, before": "#EDB48A",
    "kafkamesh serve": "#E69F00",
    "kafkamesh serve, before": "#F6D58C",
    "Kroxylicious": "#009E73",
    "kafka-proxy": "#F0E442",
    "Shotover": "#CC79A7",
    "Go relay": "#0072B2",
}
OTHER_WAY = "#000000"
CLIENT, BROKER = "#DDDDDD", "#A8A8A8"  # a proxy's CPU has the colour of its way
INK, FAINT = "#222222", "#777777"
MARKERS = {"p50": ("P50", "o", 6.0), "p90": ("P90", "s", 5.0), "p99": ("P99", "D", 5.5), "p99.9": ("P999", "|", 14.0)}  # field, shape, size

# Inches.
WIDTH, LEFT, GAP = 11.0, 2.1, 0.4
HEAD, FOOT = 1.55, 0.65
ROW, ABOVE_PANEL = 0.21, 0.85  # a row of a panel; ticks of the panel above, and a title of two lines
COLOURS = 64  # of a picture: it is a third of the bytes then
NUMBERS = 2.8  # beside a panel of latencies
CHARACTER = 0.077  # of a title, on average

STYLE = {
    "font.family": "DejaVu Sans", "font.size": 9.5, "axes.titlesize": 9.5, "axes.titleweight": "bold",
    "text.color": INK, "axes.labelcolor": INK, "xtick.color": INK, "ytick.color": INK, "axes.edgecolor": FAINT,
    "axes.spines.top": False, "axes.spines.right": False, "axes.axisbelow": True, "axes.grid": True, "axes.grid.axis": "x",
    "grid.color": "#E6E6E6", "ytick.major.size": 0, "xtick.labelsize": 8.5, "legend.frameon": False, "legend.fontsize": 9.5,
}

Sample = dict[str, float]


@dataclass
class Outcome:
    """What a scenario showed: the samples of each way, one for each round. The first way is direct."""

    name: str
    sink: str
    rate: float
    ways: dict[str, list[Sample]]


@dataclass
class KeyFigure:
    """A row of the summary, as summary.go reckons it: for each way a median, its range and our aim."""

    what: str
    digits: int
    ways: dict[str, dict[str, Any]]


@dataclass
class Report:
    """A whole run."""

    machine: str
    outcomes: list[Outcome]
    summary: list[KeyFigure]


class Spread(NamedTuple):
    """A median over rounds, and the least and the most."""

    median: float
    least: float
    most: float


@dataclass
class Chart:
    """A figure with a panel for each scenario."""

    figure: Figure
    panels: list[Axes]
    rows: list[str]


# Reading


def read(path: Path) -> Report:
    """Reads report.json."""
    raw = json.loads(path.read_text(encoding="utf-8"))
    m = raw["Machine"]
    machine = f"{m['Cores']} cores of {m['CPU']}, {m['Kernel']}, {m['When']}; {raw['Rounds']} rounds of {raw['Seconds']:g} s"
    outcomes = [outcome(o) for o in raw["Outcomes"] or [] if not o["Scenario"].get("Idle")]
    return Report(machine, outcomes, [key_figure(row) for row in raw.get("Summary") or []])


def key_figure(raw: dict[str, Any]) -> KeyFigure:
    return KeyFigure(raw["What"], raw["Digits"], {w["Way"]: w for w in raw["Ways"]})


def outcome(raw: dict[str, Any]) -> Outcome:
    scenario = raw["Scenario"]
    ways = {w["Name"]: w["Samples"] or [] for w in raw["Ways"]}
    return Outcome(scenario["Name"], scenario["Sink"], scenario["Job"]["Rate"], ways)


# Figures


def over(values: Iterable[float]) -> Spread | None:
    """The spread of values. Those that are not finite were not measured; None if there are no others."""
    known = sorted(v for v in values if math.isfinite(v))
    return Spread(known[len(known) // 2], known[0], known[-1]) if known else None


def divide(a: float, b: float) -> float:
    return a / b if b else math.nan


def to_direct(o: Outcome, way: str) -> Spread | None:
    """Records a second, divided by direct's of the same round."""
    direct = next(iter(o.ways.values()))
    return over(divide(speed(s), speed(d)) for s, d in zip(o.ways.get(way, []), direct))


def speed(s: Sample) -> float:
    return divide(s["Records"], s["Seconds"])


def per_gb(o: Outcome, way: str, side: str) -> float:
    """CPU seconds for 10⁹ bytes of record values, before compression."""
    spread = over(divide(s[side], s["Bytes"] / 1e9) for s in o.ways.get(way, []))
    return spread.median if spread else math.nan


def latency(o: Outcome, way: str, field: str) -> float:
    """Microseconds. A field that is left out is one that was not measured."""
    spread = over(s.get(field) or math.nan for s in o.ways.get(way, []))
    return spread.median if spread else math.nan


# Layout


def layout(outcomes: list[Outcome] | list[KeyFigure], columns: int, title: str, lines: list[str], right: float = 0.2, same_scale: bool = False) -> Chart:
    """A figure with empty panels: a row for each way, named on the left."""
    rows = rows_of(outcomes)
    columns = min(columns, len(outcomes))
    deep = math.ceil(len(outcomes) / columns)
    panel = ROW * len(rows)
    height = HEAD + deep * panel + (deep - 1) * ABOVE_PANEL + FOOT
    wide = (WIDTH - LEFT - right - (columns - 1) * GAP) / columns
    figure = Figure(figsize=(WIDTH, height), facecolor="white")
    grid = figure.subplots(deep, columns, squeeze=False, sharex=same_scale, sharey=True, gridspec_kw={
        "left": LEFT / WIDTH, "right": 1 - right / WIDTH, "top": 1 - HEAD / height, "bottom": FOOT / height,
        "wspace": GAP / wide, "hspace": ABOVE_PANEL / panel,
    })
    panels = list(grid.flat)
    for unused in panels[len(outcomes):]:
        unused.remove()
    chart = Chart(figure, panels[:len(outcomes)], rows)
    head(figure, title, lines)
    for ax, o in zip(chart.panels, outcomes):
        frame(ax, title_of(o), o.ways, rows, title_width=int(wide / CHARACTER))
    return chart


def title_of(o: Outcome | KeyFigure) -> str:
    if isinstance(o, KeyFigure):
        return o.what.replace(": ", ":\n")
    to_sink = f"→ {o.sink}".replace(" ", "\u00a0")  # stays on one line
    return f"{o.name} {to_sink}"


def rows_of(outcomes: list[Outcome] | list[KeyFigure]) -> list[str]:
    """The ways that any scenario has."""
    found = dict.fromkeys(way for o in outcomes for way in o.ways)
    return [way for way in WAYS if way in found] + [way for way in found if way not in WAYS]


def head(figure: Figure, title: str, lines: list[str]) -> None:
    height = figure.get_figheight()
    text = "\n".join(textwrap.fill(line, 145) for line in lines)
    figure.text(0.2 / WIDTH, 1 - 0.15 / height, title, fontsize=14, fontweight="bold", va="top")
    figure.text(0.2 / WIDTH, 1 - 0.47 / height, text, color="#555555", va="top", linespacing=1.35)


def frame(ax: Axes, title: str, measured: Iterable[str], rows: list[str], title_width: int) -> None:
    """Gives a panel its title and rows, and marks those of ways that were not measured."""
    ax.set_title("\n".join(textwrap.fill(line, title_width) for line in title.split("\n")), loc="left")
    ax.set_yticks(range(len(rows)), rows)
    ax.set_ylim(len(rows) - 0.4, -0.6)
    ax.tick_params(labelbottom=True)
    for y, way in enumerate(rows):
        if way not in measured:
            ax.annotate("not measured", (0, y), (4, 0), xycoords=ax.get_yaxis_transform(), textcoords="offset points",
                        va="center", color=FAINT, fontsize=8.5, fontstyle="italic")


def make_room(panels: list[Axes]) -> None:
    """Has panels begin at 0 and end behind the number of the longest bar."""
    ends = [ax.dataLim.x1 for ax in panels if math.isfinite(ax.dataLim.x1) and ax.dataLim.x1 > 0]
    for ax in panels:
        ax.set_xlim(0, 1.13 * max(ends, default=1))


def number(ax: Axes, x: float, y: float, text: str) -> None:
    """Writes a number behind the end of a bar, over lines that are there."""
    ax.annotate(text, (x, y), (4, 0), textcoords="offset points", va="center", fontsize=8.5, zorder=3,
                bbox={"facecolor": "white", "edgecolor": "none", "pad": 1})


def legend(chart: Chart, handles: list[Any], labels: list[str]) -> None:
    """Puts a legend in the bottom line, on the left."""
    bottom = 0.02 / chart.figure.get_figheight()
    chart.figure.legend(handles, labels, loc="lower left", bbox_to_anchor=(0.1 / WIDTH, bottom), borderaxespad=0, ncols=len(labels),
                        handler_map={tuple: HandlerTuple(ndivide=None, pad=0)})


# Charts


def summary(figures: list[KeyFigure], machine: str) -> Figure:
    chart = layout(figures, 3, "Key figures", [machine,
        "Medians over the rounds, and thin lines from the least to the most. Shorter is better, but for throughput.",
        "The line across is 1: as much as what a figure is divided by. Triangles are what we aim for.",
    ])
    for ax, figure in zip(chart.panels, figures):
        end = 1.4 * max(1, *(max(cell["Median"], cell.get("Aim", 0)) for cell in figure.ways.values()))
        ax.set_xlim(0, end)  # one bad round does not make the rest small
        if "÷" in figure.what:
            ax.axvline(1, color=INK, linewidth=1)
        for y, way in enumerate(chart.rows):
            if way in figure.ways:
                summary_bar(ax, y, figure, way, end)
    return chart.figure


def summary_bar(ax: Axes, y: int, figure: KeyFigure, way: str, end: float) -> None:
    cell = figure.ways[way]
    least, most = cell.get("Range", [cell["Median"]] * 2)
    ax.barh(y, cell["Median"], height=0.72, color=WAYS.get(way, OTHER_WAY))
    if least < most:
        ax.plot([least, most], [y, y], color=INK, linewidth=1, solid_capstyle="butt")
    if "Aim" in cell:
        ax.plot(cell["Aim"], y - 0.36, linestyle="", marker="v", markersize=5, color=INK)
    number(ax, max(most if most < end else cell["Median"], cell.get("Aim", 0)), y, f"{cell['Median']:.{figure.digits}f}")


def throughput(outcomes: list[Outcome], machine: str) -> Figure:
    chart = layout(outcomes, 2, "Throughput, compared with a direct connection", [
        machine,
        "Records a second, divided by those of a direct connection in the same round: 1 is as fast as no proxy, longer is better.",
        "Bars are medians over the rounds, thin lines reach from the least to the most.",
    ], same_scale=True)
    for ax, o in zip(chart.panels, outcomes):
        ax.axvline(1, color=INK, linewidth=1)
        for y, way in enumerate(chart.rows):
            if (s := to_direct(o, way)) is not None:
                throughput_bar(ax, y, way, s)
    make_room(chart.panels)
    return chart.figure


def throughput_bar(ax: Axes, y: int, way: str, s: Spread) -> None:
    ax.barh(y, s.median, height=0.72, color=WAYS.get(way, OTHER_WAY))
    if s.least < s.most:
        ax.plot([s.least, s.most], [y, y], color=INK, linewidth=1, solid_capstyle="butt")
    number(ax, s.most, y, f"{s.median:.2f}")


def cpu(outcomes: list[Outcome], machine: str) -> Figure:
    chart = layout(outcomes, 2, "CPU time that a gigabyte takes", [
        machine,
        "CPU seconds for 10⁹ bytes of record values, before compression; medians over the rounds, and their sum. Shorter is better.",
        "Each panel has a scale of its own.",
    ])
    for ax, o in zip(chart.panels, outcomes):
        for y, way in enumerate(chart.rows):
            cpu_bar(ax, y, way, [per_gb(o, way, side) for side in ("ClientCPU", "ProxyCPU", "BrokerCPU")])
        make_room([ax])
    proxies = tuple(Patch(color=WAYS.get(way, OTHER_WAY)) for way in chart.rows if way != "direct")
    handles, labels = [Patch(color=CLIENT), Patch(color=BROKER)], ["clients", "brokers"]
    if proxies:
        handles, labels = [handles[0], proxies, handles[1]], ["clients", "proxy, in the colour of the way", "brokers"]
    legend(chart, handles, labels)
    return chart.figure


def cpu_bar(ax: Axes, y: int, way: str, sides: list[float]) -> None:
    """Stacks what clients, proxy and brokers take."""
    total = sum(sides)
    if math.isnan(total):
        return
    for i, side_colour in enumerate((CLIENT, WAYS.get(way, OTHER_WAY), BROKER)):
        ax.barh(y, sides[i], left=sum(sides[:i]), height=0.72, color=side_colour)
    number(ax, total, y, f"{total:.2f}" if total < 10 else f"{total:.1f}")


def latencies(outcomes: list[Outcome], machine: str) -> Figure:
    chart = layout(outcomes, 1, "Latency at a fixed rate of requests", [
        machine,
        "Microseconds from when a request was due to its answer; medians over the rounds. Further left is better.",
        "The scale is logarithmic.",
    ], right=NUMBERS, same_scale=True)
    for ax, o in zip(chart.panels, outcomes):
        logarithmic(ax)
        for y, way in enumerate(chart.rows):
            latency_row(ax, y, way, [latency(o, way, field) for field, _, _ in MARKERS.values()])
        number_row(ax, -1.2, list(MARKERS), fontweight="bold")
    handles = [Line2D([], [], linestyle="", marker=shape, markersize=size, markeredgewidth=2 if shape == "|" else 0, color=INK)
               for _, shape, size in MARKERS.values()]
    legend(chart, handles, list(MARKERS))
    return chart.figure


def logarithmic(ax: Axes) -> None:
    ax.set_xscale("log")
    ax.xaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
    ax.xaxis.set_major_formatter(ticker.StrMethodFormatter("{x:,.0f}"))
    ax.xaxis.set_minor_locator(ticker.NullLocator())


def latency_row(ax: Axes, y: int, way: str, values: list[float]) -> None:
    """Marks a way's percentiles on a line, and writes them beside the panel."""
    known = [v for v in values if math.isfinite(v)]
    if not known:
        return
    ax.plot([min(known), max(known)], [y, y], color=WAYS.get(way, OTHER_WAY), linewidth=1.5)
    for value, (_, shape, size) in zip(values, MARKERS.values()):
        ax.plot(value, y, linestyle="", marker=shape, markersize=size, markeredgewidth=2 if shape == "|" else 0, color=WAYS.get(way, OTHER_WAY))
    number_row(ax, y, ["–" if math.isnan(v) else f"{v:,.0f}" for v in values])


def number_row(ax: Axes, y: float, texts: list[str], **font: Any) -> None:
    """Writes columns of text to the right of a panel."""
    for i, text in enumerate(texts):
        inches = 0.65 + i * (NUMBERS - 0.85) / (len(texts) - 1)
        ax.annotate(text, (1, y), (72 * inches, 0), xycoords=ax.get_yaxis_transform(), textcoords="offset points",
                    ha="right", va="center_baseline", annotation_clip=False, **font)


# Program


def write(path: Path, draw: Callable[[list[Any], str], Figure], outcomes: list[Any], machine: str) -> None:
    """Draws a chart, if there is anything to draw. The same report makes the same file."""
    if outcomes:
        drawn = io.BytesIO()
        draw(outcomes, machine).savefig(drawn, format="png", dpi=100, facecolor="white")
        Image.open(drawn).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)


def main(arguments: list[str]) -> int:
    if len(arguments) != 1:
        print("usage: plot.py DIR", file=sys.stderr)
        return 2
    folder = Path(arguments[0])
    report = read(folder / "report.json")
    fast = [o for o in report.outcomes if o.rate == 0]
    paced = [o for o in report.outcomes if o.rate > 0]
    matplotlib.rcdefaults()
    with matplotlib.rc_context(STYLE):
        write(folder / "summary.png", summary, report.summary, report.machine)
        write(folder / "throughput.png", throughput, fast, report.machine)
        write(folder / "cpu.png", cpu, fast, report.machine)
        write(folder / "latency.png", latencies, paced, report.machine)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
