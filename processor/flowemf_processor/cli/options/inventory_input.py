"""Where a command finds out what is really published: PATH, or --live with --namespace.

The paths and options go in; an inventory comes out, taken from logs or from the account.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from flowemf_processor.cli.options.building import aws_options, taken, together
from flowemf_processor.cli.options.reading import (
    InputOptions,
    asking_options,
    chosen_paths,
    input_options,
    taken_asking,
)
from flowemf_processor.cli.output.placed_ledger import read_summary
from flowemf_processor.cli.output.streams import say
from flowemf_processor.errors import ConfigurationError, TryAgainLaterError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowemf_processor.cli.options.reading import ReadingOptions
    from flowemf_processor.cli.output.placed_ledger import PlacedLedger
    from flowemf_processor.core.insight.inventory import Inventory


@dataclass(frozen=True, slots=True)
class InventoryInput:
    """What the user chose; each member is the option of its name."""

    live: bool
    region: str | None
    endpoint_url: str | None
    reading: ReadingOptions
    inputs: InputOptions

    def take(self, paths: tuple[str, ...], command: str) -> Inventory:
        """Find out what is published.

        Args:
            paths: the logs; none with --live.
            command: the name of the command, for what is said to people.

        Returns:
            The inventory, which holds at least one metric.

        Raises:
            ConfigurationError: nothing is published there, there is no such log, or AWS is not configured.
            TryAgainLaterError: it cannot be read now, or not to its end.
            click.UsageError: options contradict each other.
        """
        inventory = self._live(paths) if self.live else self._of_logs(chosen_paths(paths), command)
        if not inventory.namespaces:
            raise ConfigurationError(
                f"{inventory.source}: there are no metrics{self._narrowed()}; name a log that the application wrote "
                "(flowemf check says what is wrong with its lines)"
            )
        return inventory

    def _narrowed(self) -> str:
        return f" in {', '.join(self.reading.namespace)}" if self.reading.namespace else ""

    def _live(self, paths: Sequence[str]) -> Inventory:
        from flowemf_processor.sinks.examined_account import listed_metrics

        if paths:
            raise click.UsageError("--live asks the account and PATH names logs: one of them at a time.")
        if not self.reading.namespace or any(each.endswith("*") for each in self.reading.namespace):
            raise click.UsageError("--live needs --namespace NS, written out: which metrics to list.")
        return listed_metrics(self.reading.namespace, endpoint_url=self.endpoint_url, region=self.region)

    def _of_logs(self, paths: Sequence[str], command: str) -> Inventory:
        from flowemf_processor.cli.output.placed_ledger import PlacedLedger
        from flowemf_processor.clock import SystemClock
        from flowemf_processor.core.insight.inventory import Inventory
        from flowemf_processor.pipeline import gathered

        sources = self.inputs.open(paths)
        ledger, inventory = PlacedLedger(), Inventory(", ".join(paths))
        with self.reading.guards(sources, paths, ledger) as guards:
            for aggregates in gathered(sources, ledger=ledger, clock=SystemClock(), guards=guards):
                inventory.add_all(aggregates)
        say(f"flowemf {command}: {read_summary(ledger)}")
        _refuse_half(ledger)
        return inventory


def _refuse_half(ledger: PlacedLedger) -> None:
    """Stop where a log could not be read: what it publishes would look as if it were not published."""
    if ledger.unreadable_sources:
        position, found = next(iter(ledger.first_places.values()))
        raise TryAgainLaterError(f"{position.source}: {found.message}; {found.hint}")


def taken_inventory_input(options: dict[str, Any]) -> InventoryInput:
    """Take out of a command's options what `inventory_options` added.

    Args:
        options: name -> value; what is taken is removed.

    Returns:
        The choice.
    """
    own = {name: options.pop(name) for name in ("live", "region", "endpoint_url")}
    return InventoryInput(**own, reading=taken_asking(options), inputs=taken(InputOptions, options))


_live = click.option(
    "--live", is_flag=True, help="Ask the account what --namespace has had in the last two weeks, in place of a log."
)
inventory_options = together(_live, aws_options("Ask"), asking_options, input_options)
"""Adds these options, and those about reading logs, to a command; `taken_inventory_input` takes what it gets."""
