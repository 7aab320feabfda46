"""Asks aws-embedded-metrics where lines go: what `sink="agent"` means on this machine.

Its configuration goes in (AWS_EMF_AGENT_ENDPOINT, AWS_EMF_ENVIRONMENT, AWS_EMF_LOG_GROUP_NAME, AWS_EMF_SERVICE_NAME);
a sink and a log group come out. No network is asked: its search for the metadata of EC2 is left out, since every
machine with an agent is treated alike.
"""

from __future__ import annotations

from flowemf._errors import ConfigurationError
from flowemf._output.agent import DEFAULT_PORT, TCP, address_of
from flowemf._output.outlet import AGENT, STDOUT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Coroutine
    from typing import Any

_ANY_ADDRESS = "0.0.0.0"  # noqa: S104 - the library's default names the agent on this machine so
_ON_STDOUT = ("lambda", "local")


def discover(source: str) -> tuple[str, str]:
    """Find the agent.

    Args:
        source: where the setting came from.

    Returns:
        The sink, "stdout" or an address, and the log group for its lines, empty where it needs none.

    Raises:
        ConfigurationError: aws-embedded-metrics is not installed, or its endpoint is no address.
    """
    try:
        from aws_embedded_metrics.config import get_config
        from aws_embedded_metrics.environment.default_environment import DefaultEnvironment
        from aws_embedded_metrics.environment.lambda_environment import LambdaEnvironment
    except ImportError:
        remedy = "pip install 'flowemf[agent]', or name its address: sink='tcp://127.0.0.1:25888'"
        raise ConfigurationError(source, "needs aws-embedded-metrics, which is not installed", AGENT, remedy) from None
    settings = get_config()
    chosen = (settings.environment or "").lower()
    if chosen in _ON_STDOUT or (not chosen and _answer(LambdaEnvironment().probe())):
        return STDOUT, ""
    endpoint = settings.agent_endpoint or f"{TCP}{_ANY_ADDRESS}:{DEFAULT_PORT}"
    address_of(endpoint, "AWS_EMF_AGENT_ENDPOINT")  # the library would quietly dial its default instead
    return endpoint.replace(_ANY_ADDRESS, "127.0.0.1"), DefaultEnvironment().get_log_group_name()


def _answer(question: Coroutine[Any, Any, bool]) -> bool:
    """Run a coroutine that awaits nothing; one that would wait is answered with no."""
    try:
        question.send(None)
    except StopIteration as answer:
        return bool(answer.value)
    question.close()
    return False
