"""`flowemf replay --to stdout`: the metric lines themselves, for the next program in a pipe.

Options and what is read go in; standard output has the lines, freed of what was wrapped around them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowemf_processor.cli.replay_delivery import Delivery
from flowemf_processor.pipeline.writing import replay_to_writer

if TYPE_CHECKING:
    from flowemf_processor.cli.replay_delivery import Reading
    from flowemf_processor.cli.replay_options import ReplayOptions

STDOUT = "stdout"


def write(options: ReplayOptions, reading: Reading) -> Delivery:  # noqa: ARG001 - one signature for all destinations
    """Write the lines.

    Raises:
        BrokenPipeError: the reader went away.
        TryAgainLaterError: standard output cannot be written.
    """
    from flowemf_processor.sinks.stdout import StandardOutput

    replay_to_writer(
        reading.sources,
        StandardOutput(),
        ledger=reading.ledger,
        clock=reading.clock,
        progress=reading.progress.advance,
        guards=reading.guards,
    )
    return Delivery()
