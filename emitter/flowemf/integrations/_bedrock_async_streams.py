"""aiobotocore's event streams, watched while the application reads them.

A stream of aiobotocore's becomes one of this subclass; what passes by is told to the call that it answers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aiobotocore.eventstream import AioEventStream  # pyright: ignore[reportMissingImports] # pins another botocore

from flowemf.integrations._bedrock_streams import Watching, look_at

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from flowemf._collecting.collected import Collected


class WatchedAsyncEvents(AioEventStream):  # type: ignore[misc] # it may not be there for the type checker
    """An AioEventStream whose events are looked at while they pass."""

    _operation_name: str
    _flowemf_call: Collected

    async def __anext__(self) -> AsyncGenerator[Any, None]:
        """Give the events, as aiobotocore does: its method of this name is a generator."""
        call = self._flowemf_call
        with Watching(self._operation_name, call):
            async for event in super().__anext__():
                look_at(event, call)
                yield event

    def close(self) -> None:
        """Close the connection; a stream that was not at its end is cancelled."""
        try:
            super().close()
        finally:
            self._flowemf_call.abandon()
