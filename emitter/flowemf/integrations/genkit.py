"""Measures an application of Genkit for Python with one line: a plugin.

Settings go in; from then on every flow and every call of a model writes its lines. What is counted, and how, is in
docs/automatic-collection.md.

    from genkit import Genkit
    from flowemf.integrations.genkit import FlowMetrics

    ai = Genkit(plugins=[FlowMetrics(namespace="MyApp/GenKit")])
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowemf import _default

try:
    from genkit import Plugin
except ImportError as missing:
    raise ImportError(
        f"flowemf.integrations.genkit needs Genkit for Python, which is not installed: pip install 'genkit>=0.5.2' "
        f"({missing})"
    ) from missing

from flowemf.integrations import otel

if TYPE_CHECKING:
    from genkit import Action, ActionKind
    from genkit.plugin_api import ActionMetadata
    from typing_extensions import Unpack

    from flowemf._settings import Arguments

__all__ = ["FlowMetrics"]


class FlowMetrics(Plugin):
    """A Genkit plugin that measures flows and generations; it offers no models and no tools.

    It configures flowemf, and watches the spans that Genkit opens. Where OpenTelemetry has no tracer provider yet, one
    is made and set; an application with a provider of its own sets it before. A program that makes several Genkit
    objects gives each of them the plugin; the settings of the last one hold.

    >>> from genkit import Genkit
    >>> ai = Genkit(plugins=[FlowMetrics(namespace="MyApp/GenKit", custom_dimensions={"Environment": "Prod"})])

    Args:
        namespace: the CloudWatch namespace, as for `flowemf.configure`.
        **settings: any other setting of `flowemf.configure`. Without any, not even a namespace, what the application
            has configured before holds.

    Raises:
        ConfigurationError: a setting is wrong.
    """

    name = "flowemf"

    def __init__(self, namespace: str | None = None, **settings: Unpack[Arguments]) -> None:
        if namespace is not None or settings or _default.configured() is None:
            _default.configure(namespace, **settings)
        otel.install()

    async def init(self) -> list[Action]:
        """Give the actions of the plugin: none."""
        return []

    async def resolve(self, action_type: ActionKind, name: str) -> Action | None:
        """Find an action of the plugin: there is none."""
        del action_type, name
        return None

    async def list_actions(self) -> list[ActionMetadata]:
        """Give what the developer UI lists: nothing."""
        return []
