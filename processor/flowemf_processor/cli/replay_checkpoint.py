"""The checkpoint of a replay: --checkpoint, --no-checkpoint.

Options and a destination go in; its checkpoint comes out, open, or None where nothing is to be remembered.
"""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowemf_processor.checkpoints import Checkpoints
    from flowemf_processor.cli.replay_delivery import Delivery
    from flowemf_processor.cli.replay_options import ReplayOptions


@contextlib.contextmanager
def opened_checkpoint(
    options: ReplayOptions, destination: str, delivery: Delivery, *, is_spool: bool = False
) -> Iterator[Checkpoints | None]:
    """Open the checkpoint of one destination.

    Args:
        options: what the user chose.
        destination: what the checkpoint calls it.
        delivery: is told where the checkpoint lies, for the summary.
        is_spool: whether a checkpoint is needed for what waits, even if nothing is to be remembered after the run.

    Yields:
        The checkpoint; None with --no-checkpoint, or one that is thrown away afterwards.

    Raises:
        ConfigurationError: the file is no checkpoint.
        TryAgainLaterError: another run uses it.
    """
    from flowemf_processor.checkpoints import Checkpoints, default_path

    if options.no_checkpoint:
        if not is_spool:
            yield None
            return
        with (
            tempfile.TemporaryDirectory(prefix="flowemf-") as directory,
            Checkpoints(Path(directory, "spool.sqlite3"), destination) as checkpoints,
        ):
            yield checkpoints
        return
    delivery.forgets_stdin = options.source_id is None
    delivery.checkpoint = Path(options.checkpoint) if options.checkpoint else default_path()
    with Checkpoints(delivery.checkpoint, destination) as checkpoints:
        yield checkpoints
