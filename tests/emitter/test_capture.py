"""`capture_metrics`: what an application's own tests see of its metrics."""

from __future__ import annotations

import asyncio
import doctest
import threading
from typing import TYPE_CHECKING, Any

import pytest

import flowemf
import flowemf.testing
from flowemf._output.sink import Sink
from flowemf._output.target import FunctionTarget
from flowemf._tally import Tally
from flowemf.testing import Captured, InvalidLineError, ManualClock, capture_metrics

if TYPE_CHECKING:
    from pathlib import Path


@flowemf.flow("chat")
def answer(question: str = "what?") -> str:
    flowemf.metric("DocumentsFound", 3, "Count", {"Index": "manuals"})
    return question.upper()


def write_raw(line: bytes) -> None:
    """Write a line as the emitter would if it had a bug."""
    Sink(FunctionTarget(lambda _: None)).write(line, Tally())


def test_the_example_of_the_documentation_runs() -> None:
    """What the docstrings of `flowemf.testing` show is what happens."""
    ran = doctest.testmod(flowemf.testing)
    assert (ran.failed, ran.attempted > 8) == (0, True)


def test_code_that_leaves_configure_to_the_programs_start_is_captured_as_it_is() -> None:
    """Without a default monitor there is one while the block is open, and none afterwards."""
    with capture_metrics() as captured:
        answer()
    assert captured.count("FlowCompleted", FlowName="chat") == 1
    answer()
    assert captured.count("FlowCompleted") == 1
    assert flowemf.stats()["not_configured"] > 0


def test_code_that_calls_configure_itself_is_captured_and_undone(tmp_path: Path, capfd: Any) -> None:
    """Lines of a monitor made inside go to the test, not to its sink, and the default monitor comes back."""
    target = tmp_path / "metrics.log"
    before = flowemf.configure("App/Before", sink="stdout")
    with capture_metrics() as captured:
        flowemf.configure("App/Inside", sink=target)
        answer()
        flowemf.Monitor("App/Third", sink="stdout").on_flow_start("third")
    assert {line["_aws"]["CloudWatchMetrics"][0]["Namespace"] for line in captured.lines} == {"App/Inside", "App/Third"}
    assert target.read_bytes() == b""
    assert capfd.readouterr().out == ""
    answer()
    assert before.stats()["lines_written"] == 3
    assert capfd.readouterr().out.count("App/Before") == 3


SETTINGS: list[dict[str, Any]] = [
    {},
    {"delivery": "background"},
    {"local": True},
    {"log_group": "my-group"},
    {"local": True, "delivery": "background"},
    {"metric_buffer_size": 50},
    {"leading_newline": True},
    {"max_line_bytes": 4096},
]


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_a_monitor_that_exists_already_is_captured(settings: dict[str, Any]) -> None:
    """Module-level monitors need no change to be tested, whatever their delivery and their lines look like."""
    written: list[bytes] = []
    monitor = flowemf.Monitor("App/Mine", sink=written.append, **settings)
    with capture_metrics() as captured:
        monitor.on_flow_end("chat", 12)
        assert captured.values("FlowDuration") == [12]
    assert written == []
    assert monitor.stats()["lines_written"] == 1


def test_what_is_merged_is_captured_where_it_was_measured() -> None:
    """A block captures the events that come while it is open, though their lines are written later."""
    written: list[bytes] = []
    monitor = flowemf.Monitor("App", sink=written.append, metric_buffer_size=50, flush_interval_seconds=60)
    monitor.metric("Before", 1)
    with capture_metrics() as captured:
        for value in range(30):
            monitor.metric("Inside", value)
    monitor.metric("After", 1)
    flowemf.flush()
    assert captured.values("Inside") == list(range(30))
    assert len(captured.lines) == 1
    assert [b'"Before":1' in line or b'"After":1' in line for line in written] == [True, True]


def test_what_is_sampled_counts_for_what_it_stands_for() -> None:
    """Of ten runs one is written, and it counts ten times."""
    monitor = flowemf.Monitor("App", sink=lambda _: None, sample_rate=0.1)
    with capture_metrics() as captured:
        for _ in range(200):
            monitor.on_flow_end("chat", 12)
    assert captured.count("FlowCompleted") == 10 * len(captured.lines)
    assert captured.values("FlowDuration") == [12] * captured.count("FlowCompleted")


def test_a_disabled_monitor_stays_silent() -> None:
    """What would not be written is not captured."""
    flowemf.configure("App", disabled=True)
    with capture_metrics() as captured:
        answer()
    assert captured.lines == []


def test_every_thread_and_task_is_captured() -> None:
    """A test need not know where its code runs."""

    async def tasks() -> None:
        async def one() -> None:
            with flowemf.flow("task"):
                await asyncio.sleep(0)

        await asyncio.gather(*[one() for _ in range(20)])

    with capture_metrics() as captured:
        threads = [threading.Thread(target=answer) for _ in range(20)]
        for thread in threads:
            thread.start()
        asyncio.run(tasks())
        for thread in threads:
            thread.join()
    assert captured.count("FlowCompleted", FlowName="chat") == 20
    assert captured.count("FlowCompleted", FlowName="task") == 20


def test_nested_blocks_each_capture_what_is_written_while_they_are_open() -> None:
    """The inner block takes nothing away from the outer one."""
    with capture_metrics() as outer:
        answer()
        with capture_metrics() as inner:
            answer()
        answer()
    assert (outer.count("FlowCompleted"), inner.count("FlowCompleted")) == (3, 1)


def test_blocks_that_overlap_each_end_for_themselves() -> None:
    """Two blocks of two threads may close in any order; lines go their own way after the last one."""
    written: list[bytes] = []
    monitor = flowemf.Monitor("App", sink=written.append)
    first, second = capture_metrics(), capture_metrics()
    one, two = first.__enter__(), second.__enter__()
    monitor.on_flow_start("a")
    first.__exit__(None, None, None)
    monitor.on_flow_start("b")
    second.__exit__(None, None, None)
    monitor.on_flow_start("c")
    assert [len(each.lines) for each in (one, two)] == [1, 2]
    assert len(written) == 1


def test_a_clock_makes_durations_exact() -> None:
    """A test says how long something takes, for the default monitor and for those that are made inside."""
    flowemf.configure("App", sink=lambda _: None)
    clock = ManualClock(1_700_000_000_000)
    with capture_metrics(clock=clock) as captured:
        with flowemf.flow("first"):
            clock.advance(12.5)
        with flowemf.Monitor("App").flow("second"):
            clock.advance(1)
    assert captured.values("FlowDuration") == [12.5, 1]
    assert {line["_aws"]["Timestamp"] for line in captured.lines} <= set(range(1_700_000_000_000, 1_700_000_000_014))
    with capture_metrics() as again, flowemf.flow("third"):
        clock.advance(1000)
    assert again.sum("FlowDuration") < 1000


def test_lines_without_metrics_go_their_own_way() -> None:
    """The application's log lines, which may share a sink with ours, stay where a developer looks for them."""
    written: list[bytes] = []
    sink = Sink(FunctionTarget(written.append))
    with capture_metrics() as captured:
        sink.write(b'{"event": "asked"}\n', Tally())
    assert (written, captured.lines) == ([b'{"event": "asked"}\n'], [])


def test_an_exception_of_the_test_comes_through() -> None:
    """The block raises nothing of its own where the test has failed already."""
    with pytest.raises(KeyError, match="mine"), capture_metrics():  # noqa: PT012 - the block is what is tested
        write_raw(b'{"_aws":{}}\n')
        raise KeyError("mine")


# --- Questions


@pytest.fixture
def some() -> Captured:
    with capture_metrics() as captured:
        answer()
        with pytest.raises(TimeoutError), flowemf.flow("summary"):
            raise TimeoutError
        flowemf.metric("Latency", 2.5, "Seconds", {"a-b": "c"})
        flowemf.metric("Latency", 0.25, "Seconds")
    return captured


def test_values_are_counted_added_and_listed(some: Captured) -> None:
    """Each line counts once, whatever the number of sets that its metric is published under."""
    assert some.count("FlowStarted") == 2
    assert some.count("Latency") == 2
    assert some.count("Latency", {"a-b": "c"}) == 1
    assert some.sum("Latency") == 2.75
    assert some.values("Latency") == [2.5, 0.25]
    assert some.values("Nothing") == []


def test_a_metric_has_the_dimensions_of_its_largest_set(some: Captured) -> None:
    """On one line two metrics may have different ones: FlowDuration knows no error type."""
    assert some.dimensions("FlowError") == [{"FlowName": "summary", "Status": "Error", "ErrorType": "Timeout"}]
    assert some.dimensions("FlowDuration")[1] == {"FlowName": "summary", "Status": "Error"}
    assert some.count("FlowDuration", ErrorType="Timeout") == 0
    assert some.count("FlowError", FlowName="summary", ErrorType="Timeout") == 1


def test_lines_are_found_by_their_event(some: Captured) -> None:
    """Properties are looked at in the documents themselves."""
    ends = some.events("flow.end")
    assert [line["FlowName"] for line in ends] == ["chat", "summary"]
    assert ends[0]["flow_id"] == some.events("flow.start")[0]["flow_id"]


def test_arrays_and_weights_count_as_often_as_they_stand_for() -> None:
    """A line may hold several values of a metric, or values with their counts."""
    captured = Captured()
    head = b'{"_aws":{"Timestamp":1,"CloudWatchMetrics":[{"Namespace":"A","Dimensions":[[]],"Metrics":[{"Name":"L"'
    captured.take(head + b',"Unit":"None"}]}]},"L":[1,2,3]}\n')
    captured.take(head + b',"Unit":"None"}]}]},"L":{"Values":[10,20],"Counts":[3,1]}}\n')
    captured.check()
    assert captured.count("L") == 7
    assert captured.values("L") == [1, 2, 3, 10, 10, 10, 20]
    assert captured.sum("L") == 56


def test_a_metric_that_a_line_names_and_does_not_hold_has_no_value() -> None:
    """An application's own line may do so; the others in it count."""
    captured = Captured()
    captured.take(
        b'{"_aws":{"Timestamp":1,"CloudWatchMetrics":[{"Namespace":"A","Dimensions":[[]],"Metrics":'
        b'[{"Name":"L","Unit":"None"},{"Name":"M","Unit":"None"}]}]},"M":2}\n'
    )
    assert (captured.count("L"), captured.values("M")) == (0, [2])


def test_clear_forgets_what_was_captured_so_far() -> None:
    """What a test prepares need not count."""
    with capture_metrics() as captured:
        answer()
        captured.clear()
        assert captured.lines == []
        answer()
    assert captured.count("FlowStarted") == 1


# --- Explanations


EXPLANATIONS = [
    (("FlowCompleted", {"FlowName": "chta"}), "no FlowCompleted has FlowName='chta'; did you mean 'chat'?"),
    (("FlowComplete", {}), "no FlowComplete was captured; did you mean 'FlowCompleted'?"),
    (("FlowCompleted", {"Flowname": "chat"}), "FlowCompleted has no dimension Flowname; did you mean 'FlowName'?"),
    (("Latency", {"a-b": "zzz"}), "no Latency has a-b='zzz'\n"),
    (("FlowCompleted", {"FlowName": "chat", "Status": "success"}), "no FlowCompleted has Status='success'; did you"),
]


@pytest.mark.parametrize(("question", "expected"), EXPLANATIONS)
def test_a_number_explains_why_it_is_zero(some: Captured, question: tuple[str, dict[str, str]], expected: str) -> None:
    """The nearest name or value is suggested, and everything that was captured is listed."""
    for number in (some.count(question[0], question[1]), some.sum(question[0], question[1])):
        assert number == 0
        explanation = number.explain()  # type: ignore[attr-defined]
        assert explanation.startswith(expected)
        assert "  FlowCompleted FlowName='chat' Status='Success': 1 value, sum 1" in explanation


def test_it_shows_what_it_holds(some: Captured) -> None:
    """`print(captured)` is a table, its representation one line."""
    assert str(some).splitlines()[0] == "7 lines were captured"
    assert "  Latency a-b='c': 1 value, sum 2.5" in str(some)
    assert "  Latency without dimensions: 1 value, sum 0.25" in str(some)
    assert repr(some).startswith("<Captured 7 lines: FlowStarted, DocumentsFound, FlowCompleted")
    assert repr(Captured()) == "<Captured 0 lines: no metric>"


# --- Judgement


GOOD = b'{"_aws":{"Timestamp":1,"CloudWatchMetrics":[{"Namespace":"A","Dimensions":[["x"]],"Metrics":[{"Name":"L","Unit":"None"}]}]},"x":"y","L":1}\n'  # noqa: E501
INVALID = [
    (GOOD.replace(b'"None"', b'"ms"'), 'did you mean "Milliseconds"'),
    (GOOD.replace(b'"L":1}', b'"L":NaN}'), "NaN is no JSON"),
    (GOOD.replace(b'"x":"y",', b""), "the root has no member of that name"),
    (GOOD.replace(b'"y"', b'""'), "the dimension's value is empty"),
    (GOOD.replace(b'"L":1}', b'"L":1,"L":2}'), "a member stands twice"),
    (GOOD.replace(b"\n", b" \n \n"), "it is not one line"),
    (GOOD.replace(b',"Unit":"None"', b""), "'Unit' is a required property (schema emf-written)"),
    (GOOD.replace(b'"L":1}', b'"L":1,"event":"flow.end","schema_version":1}'), "(schema flow-event)"),
    (GOOD.replace(b'"y"', b'"\xc3\xa9"'), "ascii"),
    (GOOD[:-9], "Unterminated string"),
]


@pytest.mark.parametrize(("line", "expected"), INVALID)
def test_an_invalid_line_fails_the_test_and_says_why(line: bytes, expected: str) -> None:
    """No user's test passes on a line that CloudWatch would refuse."""
    with pytest.raises(InvalidLineError) as raised, capture_metrics():  # noqa: PT012 - the block is what is tested
        answer()
        write_raw(line)
    assert str(raised.value).startswith('1 of 4 captured lines are not valid\nline 4: {"_aws"')
    assert expected in str(raised.value)


def test_an_application_may_call_an_event_of_its_own_as_it_likes() -> None:
    """Only lines with our schema version are held against the schema of the event they name."""
    with capture_metrics() as captured:
        write_raw(GOOD.replace(b'"L":1}', b'"L":1,"event":"flow.end"}'))
    assert len(captured.events("flow.end")) == 1
