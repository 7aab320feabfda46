"""Lets Spark carry out tasks.

Tasks go in; what was found comes out first, and what was gathered when somebody asks for it, in whatever form.
"""

from __future__ import annotations

import contextlib
import logging
import pickle
from typing import TYPE_CHECKING, Any

from flowemf_processor.engines.spark.rows import SCHEMA, Kind
from flowemf_processor.engines.spark.session import without_warnings
from flowemf_processor.engines.spark.tasks import ReadTasks
from flowemf_processor.errors import TryAgainLaterError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from flowemf_processor.engines.spark.rows import Events
    from flowemf_processor.engines.spark.works import Found, ReadingTerms, Task


class Job:
    """What tasks have read of some sources; use it as a context manager.

    What they gathered stays where they ran until the end, so that it can be asked for several times, and without
    sources that turn out to need another look.

    Args:
        session: Spark.
        tasks: what to read.
        terms: how.
    """

    def __init__(self, session: Any, tasks: Sequence[Task], terms: ReadingTerms) -> None:
        from pyspark import StorageLevel

        self._session = session
        with without_warnings(), translated(session):
            numbers = session.range(0, len(tasks), 1, len(tasks))
            self._rows = numbers.mapInArrow(ReadTasks(tasks, terms), SCHEMA).persist(StorageLevel.DISK_ONLY)

    def __enter__(self) -> Job:
        return self

    def __exit__(self, *error: object) -> None:
        with contextlib.suppress(Exception):  # of Java, when Spark is gone
            self._rows.unpersist()

    def found(self) -> list[Found]:
        """Read, and give what was found beside metrics."""
        with translated(self._session):
            rows = self._rows.filter(f"kind = {Kind.FOUND.value}").select("payload").collect()
        return [pickle.loads(payload) for (payload,) in rows]  # noqa: S301 - of our own tasks

    def events(self, without: Sequence[int]) -> Iterator[tuple[int, Events]]:
        """Give the events, in the order of tasks, each with the number of its source.

        Args:
            without: sources that are left out.
        """
        wanted = self._without(Kind.EVENTS, without).select("number", "payload")
        with translated(self._session):
            for number, payload in wanted.toLocalIterator(prefetchPartitions=True):
                yield number, pickle.loads(payload)  # noqa: S301 - of our own tasks

    def parts(self, without: Sequence[int]) -> Any:
        """Give the parts of aggregates, as a data frame."""
        return self._without(Kind.PART, without).select("series", "period_start_s", "payload")

    def _without(self, kind: Kind, without: Sequence[int]) -> Any:
        rows = self._rows.filter(f"kind = {kind.value}")
        return rows.filter(~rows["number"].isin(list(without))) if without else rows


@contextlib.contextmanager
def translated(session: Any) -> Iterator[None]:
    """Turn what Spark raises into an error that says what to do; whatever happens, nothing is left running.

    Raises:
        TryAgainLaterError: a task failed each time it was tried, or Spark is gone.
    """
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException

    swallowed = _Swallowed()
    logging.root.addFilter(swallowed)
    try:
        yield
    except (PySparkException, Py4JError, ConnectionError) as error:
        if swallowed.interruption is not None:
            raise swallowed.interruption from None
        raise TryAgainLaterError(
            f"Spark gave up: {_last_words(error)}; what was not delivered yet is read again when the same command is "
            "run again"
        ) from error
    except BaseException:
        with contextlib.suppress(Exception):
            session.sparkContext.cancelAllJobs()
        raise
    finally:
        logging.root.removeFilter(swallowed)


class _Swallowed(logging.Filter):
    """Finds what py4j makes of Ctrl-C: an entry of the root logger, to which nobody else of us writes, and a failure.

    Attributes:
        interruption: what was raised by whoever wanted the end; None where nobody did.
    """

    def __init__(self) -> None:
        super().__init__()
        self.interruption: BaseException | None = None

    def filter(self, record: logging.LogRecord) -> bool:
        """Keep it out of the log."""
        error = record.exc_info[1] if record.exc_info else None
        if not isinstance(error, KeyboardInterrupt):
            return True
        self.interruption = error
        return False


def _last_words(error: Exception) -> str:
    """Find what was raised in the task, or else what Spark says first."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    raised = [line for line in lines if "Error: " in line or "Exception: " in line]
    return (raised[-1] if raised else (lines or [type(error).__name__])[0])[:500]
