"""Starts Spark, or takes the session that spark-submit has started, without a word of theirs among ours.

The address of a cluster goes in; a session comes out, or an error that names what is missing.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import shutil
import signal
import sys
import tempfile
import threading
import warnings
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from flowemf_processor.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    SessionGiver = Callable[[], Any]

ATTEMPTS = 4
"""A task is tried so often: Spark's own default on clusters, https://spark.apache.org/docs/latest/configuration.html"""

EVERY_CORE = "local[*]"
_LOCAL = re.compile(r"local(?:\[(\d+|\*)\])?")
_WHY = (re.compile(r"Caused by: \S+: (.+)"), re.compile(r"(?:Exception|Error): (.+)"))
_GATEWAY = "PYSPARK_GATEWAY_PORT"  # set by spark-submit, which has a Java process already
# The plans are short and their work is done by Python: to compile and to improve them takes longer than they do.
_SETTINGS = {
    "spark.ui.showConsoleProgress": "false",
    "spark.sql.execution.arrow.maxRecordsPerBatch": "5000",
    "spark.driver.maxResultSize": "0",  # portions bound it; Spark's own limit would end the job
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.codegen.wholeStage": "false",
}
_LOCAL_SETTINGS = {
    "spark.driver.extraJavaOptions": "-XX:+UseSerialGC -XX:TieredStopAtLevel=1",  # starts in half the time
    "spark.ui.enabled": "false",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.memory": "2g",
}
_MISSING = {
    "pyspark": "pyspark",
    "py4j": "pyspark",
    "pyarrow": "pyarrow",
    "pandas": "pandas",
    "numpy": "numpy",
}


def refuse_without_parts() -> None:
    """Refuse to go on where something is missing that Spark needs on this machine.

    Raises:
        ConfigurationError: a package or Java is missing.
    """
    try:
        import pandas  # noqa: F401 - Spark asks for it before it calls anything with Arrow
        import pyarrow  # noqa: F401
        import pyspark  # noqa: F401
    except ModuleNotFoundError as error:
        if error.name not in _MISSING:
            raise
        raise ConfigurationError(
            f"--engine spark needs the package {_MISSING[error.name]}, which is not installed: "
            "pip install 'flowemf[processor,spark]'"
        ) from None
    if _GATEWAY not in os.environ and _java() is None:
        raise ConfigurationError(
            "--engine spark needs Java 17 or later, and there is none on the PATH or in $JAVA_HOME; on Debian and "
            "Ubuntu: apt-get install openjdk-17-jre-headless"
        )


def _java() -> str | None:
    home = os.environ.get("JAVA_HOME")
    return shutil.which("java", path=str(Path(home, "bin"))) if home else shutil.which("java")


def retrying(master: str) -> str:
    """Let a task be tried again also on this machine, where Spark would give up at once.

    >>> retrying("local"), retrying("local[2]"), retrying("local[*]"), retrying("yarn")
    ('local[1,4]', 'local[2,4]', 'local[*,4]', 'yarn')
    """
    local = _LOCAL.fullmatch(master)
    return f"local[{local[1] or 1},{ATTEMPTS}]" if local else master


def started(master: str | None) -> Any:
    """Start a session, or take the one that there is.

    Args:
        master: where; None for where spark-submit says, or for every core of this machine.

    Returns:
        The session.

    Raises:
        ConfigurationError: something is missing, or Spark does not start there.
    """
    refuse_without_parts()
    from pyspark.sql import SparkSession

    wanted = master or (None if _GATEWAY in os.environ else EVERY_CORE)
    builder: Any = SparkSession.builder.appName("flowemf")
    settings = dict(_SETTINGS)
    if wanted is not None:
        builder = builder.master(retrying(wanted))
        if wanted.startswith("local"):
            settings |= _LOCAL_SETTINGS
            os.environ.setdefault("PYSPARK_PYTHON", sys.executable)  # else whatever is called python3
    for name, text in settings.items():
        builder = builder.config(name, text)
    logging.getLogger("py4j").setLevel(logging.CRITICAL)  # it complains of connections that end with Java
    with tempfile.TemporaryFile() as noise, _unheard(noise), _own_signals(), without_warnings():
        try:
            session = builder.getOrCreate()
            session.sparkContext.setLogLevel("OFF")
        except Exception as error:  # what Java raises has nothing but Exception in common with what pyspark does
            where = f" at --master {wanted}" if wanted else ""
            raise ConfigurationError(
                f"Spark does not start{where}: {_reason(noise, error)}; check the address, Java and Spark's settings"
            ) from error
    return session


def _reason(noise: IO[bytes], error: Exception) -> str:
    """Find what says why: in what Java wrote, else in what was raised."""
    noise.seek(0)
    written = f"{noise.read().decode(errors='replace')}\n{error}"
    told = [found[1] for why in _WHY for found in why.finditer(written)]
    text = told[0] if told else (str(error).splitlines() or [type(error).__name__])[0]
    return text.strip().rstrip(".")


@contextlib.contextmanager
def _unheard(noise: IO[bytes]) -> Iterator[None]:
    """Let Java, and the processes it starts, write elsewhere than to our standard output and error."""
    if _GATEWAY in os.environ:
        yield
        return
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
    ours = [os.dup(number) for number in (1, 2)]
    try:
        for number in (1, 2):
            os.dup2(noise.fileno(), number)
        yield
    finally:
        for number, kept in zip((1, 2), ours, strict=True):
            os.dup2(kept, number)
            os.close(kept)


@contextlib.contextmanager
def _own_signals() -> Iterator[None]:
    """Keep our handler of Ctrl-C: Spark puts its own in its place."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGINT)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextlib.contextmanager
def without_warnings() -> Iterator[None]:
    """Keep to ourselves what pyspark thinks of versions of pandas, which nothing here uses."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
