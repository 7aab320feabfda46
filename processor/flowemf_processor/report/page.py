"""Makes the page of the report.

Figures and where they come from go in; one HTML document comes out that loads nothing, asks nobody, and runs no script
but the ones it is made with.
"""

from __future__ import annotations

import base64
import hashlib
import html
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from string import Template
from typing import TYPE_CHECKING

from flowemf_processor.core.insight.axes import moment, span
from flowemf_processor.report.page_data import page_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from flowemf_processor.core.insight.figures import Figures

_SCRIPTS = ("figures.js", "formats.js", "charts.js", "tables.js", "page.js")
_NAMED_SOURCES = 5


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where figures come from.

    Attributes:
        title: the page's heading.
        sources: what was read.
        account: what was found there, as a sentence; empty where nobody counted.
        made_ms: when the page was made, in milliseconds since the epoch.
        version: of flowemf.
    """

    title: str
    sources: Sequence[str]
    account: str
    made_ms: int
    version: str


def page(figures: Figures, provenance: Provenance) -> str:
    """Make the page.

    Args:
        figures: what it shows.
        provenance: where they come from.

    Returns:
        The document.
    """
    library, script = _asset("echarts/echarts.common.min.js"), "\n".join(map(_asset, _SCRIPTS))
    return Template(_asset("page.html")).substitute(
        policy=html.escape(_policy(library, script)),
        style=_asset("page.css"),
        title=html.escape(provenance.title),
        origin="\n".join(f"<p>{html.escape(line)}</p>" for line in _origin(figures, provenance)),
        notes="\n".join(f"<li>{html.escape(line)}</li>" for line in _notes(figures)),
        version=html.escape(provenance.version),
        data=page_json(figures),
        library=library,
        script=script,
    )


def _policy(*scripts: str) -> str:
    """Forbid everything but the scripts of the page itself, https://www.w3.org/TR/CSP3/; tooltips style themselves."""
    digests = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts)
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests)
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
        "form-action 'none'"
    )


@cache
def _asset(name: str) -> str:
    return files("flowemf_processor.report").joinpath("assets", *name.split("/")).read_text(encoding="utf-8")


def _origin(figures: Figures, provenance: Provenance) -> Iterator[str]:
    named, more = provenance.sources[:_NAMED_SOURCES], len(provenance.sources) - _NAMED_SOURCES
    yield f"{', '.join(named)}{f' and {more:,} more' if more > 0 else ''}"
    if figures.axis:
        yield span(figures.axis.start_ms, figures.axis.step_ms, figures.axis.count)
    if provenance.account:
        yield provenance.account
    yield f"Made {moment(provenance.made_ms)} UTC"


def _notes(figures: Figures) -> Iterator[str]:
    """Say what a reader of the figures has to know."""
    yield "All times are UTC. A period is named by its beginning."
    yield (
        "The success rate is the share of flows that succeeded among those that succeeded or failed; cancelled and "
        "unfinished flows are not part of it."
    )
    yield (
        "Input tokens include what was read from or written to a cache; output tokens include reasoning. Costs are the "
        "application's own estimates, in US dollars."
    )
    if figures.tolerance:
        yield f"There are too many durations to keep each: percentiles are within {figures.tolerance:.1%} of the truth."
    else:
        yield "Percentiles are computed from every single duration."
    if figures.left_out:
        yield f"Left out as filters, since the page would grow too large: {', '.join(figures.left_out)}."
    if figures.others_left_out:
        yield f"{figures.others_left_out:,} more metrics of the application's own are not listed."
