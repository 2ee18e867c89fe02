"""A check's counts as inline SVG: both tracks' rates with their intervals on one scale, and the evidence on its way."""

from typing import Final

from linnet.cli.report.html import Markup, element
from linnet.cli.views.check import Rate, Weighed
from linnet.cli.views.units import percent

LEFT: Final = 70.0
WIDTH: Final = 320.0
ROW: Final = 22.0
Attributes = dict[str, str | float]


def drawn(check: Weighed) -> Markup:
    """Of a check that has counted something."""
    rows = [_rate(rate, check.top, index) for index, rate in enumerate(check.rates)]
    bottom = ROW * len(rows)
    scale = [_text(LEFT, bottom + 10, "0 %"), _text(LEFT + WIDTH, bottom + 10, percent(check.top), "end")]
    height = bottom + 16
    if check.bound:
        rows.append(_evidence(check, height))
        height += ROW + 4
    said = "; ".join([*(f"{r.track}: {r.text}" for r in check.rates), f"evidence {check.evidence}"])
    return element(
        "svg",
        rows,
        scale,
        viewBox=f"0 0 {LEFT + WIDTH + 10:g} {height:g}",
        role="img",
        aria_label=f"{check.name}: {said}",
    )


def _rate(rate: Rate, top: float, index: int) -> Markup:
    y = ROW * index + ROW / 2
    low, middle, high = (LEFT + WIDTH * at / top for at in (rate.low, rate.rate, rate.high))
    parts = [
        _text(0, y + 4, rate.track),
        element("line", x1=LEFT, x2=LEFT + WIDTH, y1=_n(y), y2=_n(y), class_="axis"),
    ]
    if rate.n:
        bar: Attributes = {"x": _n(low), "y": _n(y - 3), "width": _n(high - low), "height": 6, "rx": 3, "opacity": 0.45}
        parts += [element("rect", **bar, class_=rate.track)]
        parts += [element("circle", cx=_n(middle), cy=_n(y), r=5, class_=rate.track)]
    return element("g", parts)


def _evidence(check: Weighed, top: float) -> Markup:
    scale = max(check.statistic, check.bound)
    y, bound = top + ROW / 2, LEFT + WIDTH * check.bound / scale
    bar: Attributes = {"x": LEFT, "y": _n(y - 5), "height": 10, "width": _n(WIDTH * max(0.0, check.statistic) / scale)}
    parts = [
        _text(0, y + 4, "evidence"),
        element("line", x1=LEFT, x2=LEFT + WIDTH, y1=_n(y), y2=_n(y), class_="axis"),
        element("rect", **bar, class_="met" if check.refuted else "unmet"),
        element("line", x1=_n(bound), x2=_n(bound), y1=_n(y - 9), y2=_n(y + 9), class_="bound"),
    ]
    return element("g", parts)


def _text(x: float, y: float, text: str, anchor: str = "start") -> Markup:
    return element("text", text, x=_n(x), y=_n(y), text_anchor=anchor)


def _n(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")
