"""Draws the ratios: a bar for each, to the right where flowemf takes less than the other, with the goal as a mark.

Runs of benchmarks go in; an SVG comes out that reads well on light and dark pages, the same for the same figures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from math import log10

from measuring.ratios import Ratio
from publishing.figures import times
from publishing.page import ratios_of
from publishing.runs import Run
from publishing.sections import SECTIONS

_WIDTH = 940
_MARGIN = 28
_LEFT, _RIGHT = 424, 800
_TOP, _HEADING, _NAMED_ROW, _NEXT_ROW, _BAR = 112, 38, 38, 22, 14
_GRID = tuple(digit * 10.0**power for power in range(-3, 5) for digit in (1, 2, 5))
_TITLE = "How many times as much as flowemf the others take"
# The ground is drawn, so that the text is legible even where a page's theme and the reader's setting differ.
_STYLE = """
  .ground { fill: #ffffff; stroke: #d1d9e0 }
  text { font-family: -apple-system, "Segoe UI", "Noto Sans", Helvetica, Arial, sans-serif; fill: #1f2328 }
  .title { font-size: 19px; font-weight: 600 }
  .heading { font-size: 14px; font-weight: 600 }
  .what { font-size: 13px }
  .small { font-size: 11px; fill: #59636e }
  .value { font-size: 12px; font-weight: 600; font-variant-numeric: tabular-nums }
  .grid { stroke: #d1d9e0; stroke-width: 1 }
  .even { stroke: #59636e; stroke-width: 1.5 }
  .less { fill: #1f6feb }
  .more { fill: #d1701f }
  .goal { stroke: #1f2328; stroke-width: 2.5 }
  @media (prefers-color-scheme: dark) {
    .ground { fill: #0d1117; stroke: #3d444d }
    text { fill: #f0f6fc }
    .small { fill: #9198a1 }
    .grid { stroke: #2a313c }
    .even { stroke: #9198a1 }
    .less { fill: #388bfd }
    .more { fill: #e08a3c }
    .goal { stroke: #f0f6fc }
  }
"""


@dataclass(frozen=True, slots=True)
class Scale:
    """A logarithmic axis from `least` to `most`."""

    least: float
    most: float

    def x(self, value: float) -> float:
        """Place a value."""
        share = (log10(value) - log10(self.least)) / (log10(self.most) - log10(self.least))
        return round(_LEFT + share * (_RIGHT - _LEFT), 1)

    @property
    def marks(self) -> list[float]:
        """The values at which lines are drawn."""
        return [mark for mark in _GRID if self.least <= mark <= self.most]


def picture(runs: Sequence[Run]) -> str:
    """Draw every ratio with somebody else's work.

    Args:
        runs: what was measured.
    """
    found = {
        section.title: _together([each for each in ratios_of(runs, section) if _drawn(each)]) for section in SECTIONS
    }
    groups = {title: ratios for title, ratios in found.items() if ratios}
    scale = _scale([ratio for ratios in groups.values() for ratio in ratios])
    body, top = [], _TOP
    for title, ratios in groups.items():
        body.append(_text(_MARGIN, top + 26, "heading", title))
        top += _HEADING
        named = ""
        for ratio in ratios:
            if ratio.what != named:
                body.append(_text(_MARGIN, top + 14, "what", ratio.what))
                top += _NAMED_ROW - _NEXT_ROW
            named = ratio.what
            body += _bar(ratio, top, scale)
            top += _NEXT_ROW
    lines = [_head(top + 40), *_legend(runs), *_axis(scale, _TOP, top + 6), *body, "</svg>"]
    return "\n".join(lines) + "\n"


def _drawn(ratio: Ratio) -> bool:
    return ratio.pictured and ratio.times_better is not None


def _together(ratios: Sequence[Ratio]) -> list[Ratio]:
    """Bring together what was measured of the same thing, which is named once above its bars."""
    order = list(dict.fromkeys(ratio.what for ratio in ratios))
    return sorted(ratios, key=lambda ratio: order.index(ratio.what))


def _scale(ratios: Sequence[Ratio]) -> Scale:
    """Choose round ends beyond everything that is drawn, and 1 between them."""
    values = [value for each in ratios for value in (each.times_better, each.goal_times_better) if value]
    least, most = min([*values, 0.9]), max([*values, 1.1])
    below = [mark for mark in _GRID if mark < least]
    above = [mark for mark in _GRID if mark > most]
    return Scale(below[-1] if below else least, above[0] if above else most)


def _head(height: int) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" viewBox="0 0 {_WIDTH} {height}" '
        f'role="img" aria-label="{_TITLE}">\n<title>{_TITLE}</title>\n<style>{_STYLE}</style>\n'
        f'<rect class="ground" x="0.5" y="0.5" width="{_WIDTH - 1}" height="{height - 1}" rx="8"/>'
    )


def _legend(runs: Sequence[Run]) -> list[str]:
    machine = runs[0].found["machine"]
    where = f"{machine['cores']} cores of {machine['processor']}, {machine['python']}; a logarithmic scale"
    if any(run.busy for run in runs):
        where += "; other programs kept the machine busy"
    return [
        _text(_MARGIN, 38, "title", _TITLE),
        _text(_MARGIN, 58, "small", where),
        f'<rect class="less" x="{_MARGIN}" y="72" width="22" height="10" rx="2"/>',
        _text(_MARGIN + 28, 81, "small", "flowemf takes less"),
        f'<rect class="more" x="{_MARGIN + 150}" y="72" width="22" height="10" rx="2"/>',
        _text(_MARGIN + 178, 81, "small", "flowemf takes more"),
        f'<line class="goal" x1="{_MARGIN + 306}" x2="{_MARGIN + 306}" y1="69" y2="85"/>',
        _text(_MARGIN + 314, 81, "small", "goal"),
    ]


def _axis(scale: Scale, top: int, bottom: int) -> list[str]:
    lines = []
    for mark in scale.marks:
        x = scale.x(mark)
        lines.append(f'<line class="{"even" if mark == 1 else "grid"}" x1="{x}" x2="{x}" y1="{top}" y2="{bottom}"/>')
        lines += [_text(x, y, "small", f"{mark:g}x", anchor="middle") for y in (top - 8, bottom + 18)]
    return lines


def _bar(ratio: Ratio, top: int, scale: Scale) -> list[str]:
    value, goal = ratio.times_better or 1, ratio.goal_times_better
    even, end = scale.x(1), scale.x(value)
    middle = top + _NEXT_ROW / 2
    place = f'x="{min(even, end)}" y="{middle - _BAR / 2}" width="{abs(end - even):.1f}" height="{_BAR}"'
    lines = [
        _text(_MARGIN + 12, middle + 4, "small", f"beside {ratio.against}"),
        f'<rect class="{"less" if value >= 1 else "more"}" {place} rx="2"/>',
    ]
    if goal is not None:
        x = scale.x(goal)
        lines.append(f'<line class="goal" x1="{x}" x2="{x}" y1="{middle - 10}" y2="{middle + 10}"/>')
    said = times(value) + ("" if ratio.reached is not False else ", goal missed")
    after = max(end, even, scale.x(goal) if goal else 0) + 7
    return [*lines, _text(after, middle + 4, "value", said)]


def _text(x: float, y: float, kind: str, text: str, anchor: str = "start") -> str:
    return f'<text class="{kind}" x="{x:g}" y="{y:g}" text-anchor="{anchor}">{escape(text)}</text>'
