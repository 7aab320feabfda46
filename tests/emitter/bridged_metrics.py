"""What tests of the bridge from aws-embedded-metrics share: the lines that came through it, judged as they are read."""

from __future__ import annotations

import json
from typing import Any

import pytest

import flowemf
from flowemf_schemas import rules, validator

Document = dict[str, Any]


class Bridged:
    """The lines that came through the bridge, each of which has passed the schemas."""

    def __init__(self) -> None:
        self.raw: list[bytes] = []
        self.monitor = flowemf.Monitor("App/Test", sink=self.raw.append, custom_dimensions={"Team": "ai"})

    @property
    def lines(self) -> list[Document]:
        found = [json.loads(line, parse_constant=pytest.fail) for line in self.raw]
        for document in found:
            if "_aws" in document:
                assert [error.message for error in validator("emf-written").iter_errors(document)] == []
                assert rules.examine(document) == []
        return found

    @property
    def line(self) -> Document:
        (one,) = self.lines
        return one

    @property
    def counts(self) -> dict[str, int]:
        return {reason: count for reason, count in self.monitor.stats().items() if reason != "lines_written"}


def directive(line: Document) -> Document:
    (one,) = line["_aws"]["CloudWatchMetrics"]
    return dict(one)
