"""The page about ASGI: its snippets run, and its table of outcomes is what happens."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from starlette.responses import Response
from starlette.testclient import TestClient

from flowemf.testing import capture_metrics

PAGE = (Path(__file__).parents[2] / "docs" / "asgi.md").read_text(encoding="utf-8")
APPLICATION, NAMED = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


def test_the_application_of_the_page_is_measured() -> None:
    """Copied as it stands: the names of its first table's rows are those that it gives."""
    with capture_metrics() as captured:
        names: dict[str, Any] = {}
        exec(APPLICATION, names)
        client = TestClient(names["app"])
        assert client.get("/items/5").json() == {"item": 5}
        client.options("/items/5")
        client.request("BREW", "/items/5")
        client.get("/items/five")
        client.get("/.env")
    flows = [line["FlowName"] for line in captured.events("flow.end")]
    route = "/items/{item_id}"
    assert flows == [f"GET {route}", f"OPTIONS {route}", f"(other method) {route}", f"GET {route}", "GET (no route)"]
    assert {f"`{flow}`" in PAGE for flow in flows} == {True}
    assert captured.count("FlowCompleted") == 5
    (generation,) = captured.events("generation")
    assert generation["flow_id"] == captured.lines[0]["flow_id"]


def test_health_checks_can_be_left_out_as_the_page_says() -> None:
    """The function of the second snippet."""
    with capture_metrics() as captured:
        names: dict[str, Any] = {}
        exec(APPLICATION + NAMED, names)
        client = TestClient(names["app"])
        client.get("/health")
        client.get("/other")
    assert [line["FlowName"] for line in captured.events("flow.end")] == ["GET (no route)"]


def test_failing_answers_can_be_given_a_type_of_ones_own() -> None:
    """The setting that the table names."""
    (setting,) = re.findall(r"`(error_types=.*?)`", PAGE)
    names: dict[str, Any] = {}
    with capture_metrics() as captured:
        exec(APPLICATION.replace('"MyApp/GenKit"', f'"MyApp/GenKit", {setting}'), names)
        names["app"].get("/busy")(lambda: Response(status_code=503))
        assert TestClient(names["app"]).get("/busy").status_code == 503
    assert captured.count("FlowError", ErrorType="Http") == 1
