"""What can stop a run, by what the user has to do about it.

Nothing goes in; exceptions come out whose message says what happened, where, the offending value and the remedy, and
whose class gives the exit code.
"""

from __future__ import annotations


class ProcessorError(Exception):
    """The base of every error that the processor raises on purpose."""

    exit_code = 70


class ConfigurationError(ProcessorError):
    """Mend the call or the configuration; nothing was sent."""

    exit_code = 2


class TryAgainLaterError(ProcessorError):
    """Nothing is wrong here; run the same command again later."""

    exit_code = 3


class SourceFaultError(TryAgainLaterError):
    """A source cannot be read on, and what is wrong with it has a verdict of its own.

    Args:
        reason: the verdict's code.
        message: what happened, and where.
        at_end: whether the source was read whole nevertheless.
    """

    def __init__(self, reason: str, message: str, *, at_end: bool = False) -> None:
        super().__init__(message)
        self.reason = reason
        self.at_end = at_end


class RefusedForGoodError(ProcessorError):
    """The destination will never take this."""

    exit_code = 4
