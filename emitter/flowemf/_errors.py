"""The exceptions that flowemf raises; only `configure` and `Monitor` ever raise one.

A wrong setting goes in; an exception comes out that says what is wrong, the value and the remedy.
"""

from flowemf._redaction.secret_shapes import redact

_MOST_SHOWN = 100
_MOST_SEARCHED = 1000


class FlowEmfError(Exception):
    """The base of every exception that flowemf raises."""


class ConfigurationError(FlowEmfError):
    """A setting is wrong: fix the configuration and start again.

    Args:
        setting: where the value came from: an argument's name or an environment variable.
        problem: what is wrong with it.
        value: the offending value.
        remedy: what to write instead.

    >>> str(ConfigurationError("rollups", "is not known", "some", "use none, standard or all"))
    "rollups is not known: 'some'; use none, standard or all"
    """

    def __init__(self, setting: str, problem: str, value: object, remedy: str) -> None:
        self.setting = setting
        self.value = value
        super().__init__(f"{setting} {problem}: {shown(value)}; {remedy}")


def shown(value: object) -> str:
    """Show a value in a message: on one line, short, without secrets, since messages end up in logs."""
    try:
        text = redact(repr(value)[:_MOST_SEARCHED])
    except Exception:
        text = f"a {type(value).__name__} that cannot be shown"
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}..."
