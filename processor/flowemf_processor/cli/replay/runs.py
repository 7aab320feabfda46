"""Carries out a replay to one destination, or to several, of which each is a run of its own.

What the user chose goes in; every destination has what it is to get, each with its own reading, position and ledger,
and the exit code of the gravest ending comes out.
"""

from __future__ import annotations

import contextlib
import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from flowemf_processor import pipeline
from flowemf_processor.cli.output.placed_ledger import PlacedLedger
from flowemf_processor.cli.output.progress import ReadingProgress
from flowemf_processor.cli.output.streams import json_data, say
from flowemf_processor.cli.replay.delivery import Delivery, Reading
from flowemf_processor.cli.replay.destinations import DESTINATIONS
from flowemf_processor.cli.replay.ending import ending, gravest, summary
from flowemf_processor.cli.replay.interruption import ended_by_signals, stopped_by_signals
from flowemf_processor.errors import ProcessorError
from flowemf_processor.pipeline.interruption import Interrupted

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from flowemf_processor.cli.options.building import Allowance
    from flowemf_processor.cli.options.reading import InputOptions, ReadingOptions
    from flowemf_processor.cli.replay.command import ReplayOptions
    from flowemf_processor.cli.replay.engine_options import Engine, EngineOptions
    from flowemf_processor.cli.replay.following import FollowOptions, Services
    from flowemf_processor.ports import Source
    from flowemf_processor.sources.standard_input import Spool
    from flowemf_processor.sources.watch import Watch


@dataclass(frozen=True, slots=True)
class Wish:
    """What the user wants.

    Attributes:
        options: where to, and how.
        paths: what is read.
        reading: what is demanded of lines.
        inputs: how logs are opened.
        following: whether logs are followed, and how that goes on for months.
        engine: where logs are read.
        allowance: how many invalid lines the user allows; None for any number.
        as_json: whether the ledgers are wanted as JSON.
    """

    options: ReplayOptions
    paths: Sequence[str]
    reading: ReadingOptions
    inputs: InputOptions
    following: FollowOptions
    engine: EngineOptions
    allowance: Allowance | None
    as_json: bool

    def of(self, destination: str) -> Wish:
        """Give what is wanted of one destination: rejected lines are kept once, not once for each."""
        is_first = destination == self.options.to[0]
        return self if is_first else replace(self, reading=replace(self.reading, rejects=None))


def carry_out(wish: Wish) -> int:
    """Bring what is wanted to every destination.

    Args:
        wish: what is wanted.

    Returns:
        The exit code.
    """
    if not wish.following.follow:
        return _one_after_another(wish)
    return _side_by_side(wish)


def _one_after_another(wish: Wish) -> int:
    spool = _spool() if len(wish.options.to) > 1 else None

    def run(destination: str, its: Wish) -> int:
        def read(ledger: PlacedLedger) -> Delivery:
            sources = its.inputs.open(its.paths, source_id=its.options.source_id, spool=spool)
            return _delivered(destination, its, sources, sources, ledger, engine=engine)

        return _accounted(destination, its, read)

    codes: list[int] = []
    with ended_by_signals() as ended, wish.engine.started() as engine:
        for each in wish.options.to:
            with contextlib.suppress(Interrupted):
                codes.append(run(each, wish.of(each)))
            if ended.by is not None:
                say(f"flowemf: interrupted by {ended.by.name}; run the same command again to go on")
                return 128 + ended.by
    return gravest(codes)


def _side_by_side(wish: Wish) -> int:
    """Follow with a watch for each destination, in threads where there are several: none holds up another."""
    with wish.following.services() as services, contextlib.ExitStack() as open_watches:
        watches = {
            each: open_watches.enter_context(wish.following.watch(wish.paths, source_id=wish.options.source_id))
            for each in wish.options.to
        }
        with stopped_by_signals(list(watches.values())):
            if len(watches) == 1:
                return gravest([_followed(each, wish, watch, services) for each, watch in watches.items()])
            return gravest(_in_threads(wish, watches, services))


def _followed(destination: str, wish: Wish, watch: Watch, services: Services) -> int:
    its = wish.of(destination)
    return _accounted(destination, its, lambda ledger: _delivered(destination, its, watch, None, ledger, services))


def _in_threads(wish: Wish, watches: dict[str, Watch], services: Services) -> list[int]:
    codes: list[int] = []
    failures: list[BaseException] = []

    def run(destination: str, watch: Watch) -> None:
        try:
            codes.append(_followed(destination, wish, watch, services))
        except BaseException as error:  # a closed pipe or a bug: it ends all of them, in the main thread
            failures.append(error)
            for each in watches.values():
                each.stop()

    threads = [threading.Thread(target=run, args=each, name=f"flowemf-{each[0]}") for each in watches.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return codes


_telling = threading.Lock()
"""What is said of one destination is not interrupted by another."""


def _accounted(destination: str, wish: Wish, read: Callable[[PlacedLedger], Delivery]) -> int:
    """Read and deliver, and account for it in the end, however it ends; give the exit code."""
    ledger = PlacedLedger()
    name = f" {destination}:" if len(wish.options.to) > 1 else ""
    try:
        delivery = read(ledger)
    except ProcessorError as error:
        with _telling:
            _tell_so_far(ledger, wish)
            say(f"flowemf:{name} {error}")
        return error.exit_code
    except Interrupted:
        with _telling:
            _tell_so_far(ledger, wish)
        raise
    with _telling:
        _tell(ledger, delivery, as_json=wish.as_json)
        end = ending(ledger, delivery, wish.allowance)
        say(f"flowemf replay:{name} {end.sentence}")
    return end.exit_code


def _delivered(
    destination: str,
    wish: Wish,
    sources: Sequence[Source] | Watch,
    known: Sequence[Source] | None,
    ledger: PlacedLedger,
    services: Services | None = None,
    engine: Engine = pipeline,
) -> Delivery:
    options, kind = wish.options, DESTINATIONS[destination]
    carry = kind.rehearse if options.dry_run and kind.rehearse else kind.deliver
    with (
        wish.reading.guards(known or (), wish.paths, ledger) as guards,
        ReadingProgress(known, is_wanted=services is None) as progress,
    ):
        refuses = kind.counts_in_cloudwatch and not options.not_extracted
        guarded = replace(guards, refuses_extracted=refuses)
        return carry(options, Reading(sources, ledger, guarded, progress, services, engine))


def _tell_so_far(ledger: PlacedLedger, wish: Wish) -> None:
    if ledger.destinations:  # else nothing was read yet
        _tell(ledger, Delivery(is_dry_run=wish.options.dry_run), as_json=wish.as_json)


def _tell(ledger: PlacedLedger, delivery: Delivery, *, as_json: bool) -> None:
    if as_json:
        json_data(ledger.as_json())
    for line in summary(ledger, delivery):
        say(line)


def _spool() -> Spool:
    from flowemf_processor.sources.standard_input import Spool

    return Spool()
