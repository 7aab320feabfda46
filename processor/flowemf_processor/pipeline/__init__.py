"""Joins the pure core and the world: reads sources and brings what they hold to a destination.

Every function takes the ports it needs and a ledger, and leaves the ledger balanced. A position moves only when the
destination has accepted what lies before it.
"""

from flowemf_processor.pipeline.check import check
from flowemf_processor.pipeline.gathering import gathered
from flowemf_processor.pipeline.replay import dry_run, replay_to_sink, replay_to_store

__all__ = ["check", "dry_run", "gathered", "replay_to_sink", "replay_to_store"]
