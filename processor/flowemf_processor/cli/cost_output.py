"""How `flowemf cost` answers: tables and sentences for people, one JSON object for programs.

What was counted and the terms of the bill go in; lines of text or a document come out.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from flowemf_processor.cli.output import answers
from flowemf_processor.cli.output.streams import counted, printable, sized
from flowemf_processor.core.insight import cost
from flowemf_processor.core.roads import FALLBACK

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowemf_processor.core.insight.cost import Bill, Dimension, Terms
    from flowemf_processor.core.insight.usage import Usage

SCHEMA_VERSION = 1
_MOST_SPAN_HOURS_IN_MINUTES = 2
_HOURS_IN_DAYS = 48


def tables(usage: Usage, terms: Terms) -> Iterator[str]:
    """Answer for people.

    Args:
        usage: what was counted.
        terms: how the bill is made.
    """
    bills = list(cost.bills(usage, terms))
    yield from _counted(usage, terms)
    yield ""
    yield f"{_period(terms)} ({terms.prices.currency})"
    columns = ("Road", "How", "Requests", "Log", "Metrics", "Calls and lines", "Total")
    yield from answers.table(columns, map(_bill_row, bills))
    yield ""
    yield "Dimensions: metrics that there would not be without them"
    dimensions = cost.dimensions(usage, terms)
    rows = [(each.key, each.values, each.metrics, each.saved_metrics, _money(each.saves)) for each in dimensions]
    yield from answers.table(("Dimension", "Values", "Metrics with it", "Fewer without it", "Saves"), rows)
    yield ""
    yield "Dimension sets: roll-ups repeat what a larger set has in more detail"
    sets = [
        ("+".join(each.keys) or "(none)", each.metrics, each.rollups, _money(each.saves))
        for each in cost.dimension_sets(usage, terms)
    ]
    yield from answers.table(("Dimension set", "Metrics", "Roll-ups", "Saves without them"), sets)
    yield ""
    yield from _advice(bills, dimensions, usage, terms)
    yield from _footing(terms)


def as_json(usage: Usage, terms: Terms) -> dict[str, Any]:
    """Answer for programs: exact numbers, in the units of the members' names.

    Args:
        usage: what was counted.
        terms: how the bill is made.
    """
    prices = terms.prices
    return {
        "schema_version": SCHEMA_VERSION,
        "prices": {
            name: getattr(prices, name) for name in ("as_of", "region", "currency", "source", "hours_per_month")
        },
        "free_tier": terms.free_tier,
        "span_hours": usage.span_hours,
        "months_per_log": terms.months_per_log,
        "log": {
            "unique_metrics": len(usage.hours_of),
            "billed_metrics": cost.billed_metrics(usage.hours_of, usage),
            "datapoints": usage.datapoints,
            "lines": asdict(usage.written),
            "merged_lines": asdict(usage.merged),
            "requests": asdict(usage.requests),
        },
        "bills": [{**asdict(each), "total": each.total} for each in cost.bills(usage, terms)],
        "dimensions": [asdict(each) for each in cost.dimensions(usage, terms)],
        "dimension_sets": [asdict(each) for each in cost.dimension_sets(usage, terms)],
    }


def _counted(usage: Usage, terms: Terms) -> Iterator[str]:
    written = usage.written
    yield (
        f"{counted(len(usage.hours_of), 'unique metric')} in {counted(written.lines, 'metric line')} "
        f"({sized(written.size_bytes)}) over {_span(usage.span_hours)}"
    )
    billed = cost.billed_metrics(usage.hours_of, usage)
    if billed < len(usage.hours_of):
        yield f"Metrics are billed by the hour in which they are sent: that makes {billed:,.1f} a month"
    if terms.months_per_log is not None:
        yield f"Extrapolated: {terms.months_per_log:,.1f} logs like this one make a month; metrics are not multiplied"


def _period(terms: Terms) -> str:
    if terms.months_per_log is None:
        return "What this log costs; nothing tells how long it took, so give --span to see a month"
    return "What a month costs"


def _bill_row(bill: Bill) -> tuple[Any, ...]:
    is_fallback = bill.road == FALLBACK
    return (
        bill.road,
        bill.way,
        round(bill.requests) if is_fallback else None,
        None if is_fallback else sized(round(bill.log_bytes)),
        _money(bill.for_metrics),
        _money(bill.for_requests + bill.for_logs),
        _money(bill.total),
    )


def _advice(bills: list[Bill], dimensions: list[Dimension], usage: Usage, terms: Terms) -> Iterator[str]:
    plain, merged, by_line, by_minute, _ = bills
    first = dimensions[0] if dimensions else None
    if first is not None and first.saved_metrics:
        yield (
            f"{printable(first.key)} drives the number of metrics: without it there were {first.saved_metrics:,} "
            f"fewer, which saves {_money(first.saves)}"
        )
    yield (
        f"Merging lines (metric_buffer_size) leaves {usage.merged.lines:,} of {usage.written.lines:,}, "
        f"which saves {_money(plain.total - merged.total)}"
    )
    yield (
        f"Sending by the minute leaves {usage.requests.each_minute:,} of {usage.requests.line_by_line:,} requests, "
        f"which saves {_money(by_line.total - by_minute.total)}"
    )
    rollups = sum(each.rollups for each in cost.dimension_sets(usage, terms))
    if rollups:
        yield (
            f'Roll-ups are {rollups:,} of the metrics; rollups="none" drops them, and dashboards and alarms that name '
            "fewer dimensions with them"
        )


def _footing(terms: Terms) -> Iterator[str]:
    prices = terms.prices
    free = "the free tier of the account is used" if terms.free_tier else "without the free tier"
    yield ""
    yield f"Prices of {printable(prices.region)}, read {prices.as_of} ({printable(prices.source)}); {free}"


def _span(hours: float) -> str:
    if hours >= _HOURS_IN_DAYS:
        return f"{hours / 24:.1f} days"
    return f"{hours:.1f} hours" if hours >= _MOST_SPAN_HOURS_IN_MINUTES else f"{hours * 60:.1f} minutes"


def _money(amount: float) -> str:
    """Write an amount of money; small ones to their first digits.

    >>> _money(0.0), _money(0.004), _money(1234.5)
    ('0.00', '0.0040', '1,234.50')
    """
    if abs(amount) < 5e-5:
        return "0.00"
    return f"{amount:,.2f}" if abs(amount) >= 0.01 else f"{amount:.4f}"
