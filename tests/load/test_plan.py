"""A plan is what its mapping says, or one sentence why it is none."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastphx.load.plan import Plan, RateStep, duration_s, rate_per_s
from fastphx.load.target import websocket_url
from fastphx.load.template import PlanError, Template


def test_defaults_are_a_plan_and_survive_the_way_to_json_and_back() -> None:
    plan = Plan()
    assert Plan.from_mapping(plan.to_mapping()) == plan


@given(
    connections=st.integers(1, 10**6),
    steps=st.lists(st.tuples(st.integers(0, 10**6), st.integers(1, 10**4)), min_size=1, max_size=4),
    payload=st.sampled_from(['{"a":1}', "[]", "null"]),
)
def test_every_plan_survives_the_way_to_json_and_back(
    connections: int, steps: list[tuple[int, int]], payload: str
) -> None:
    plan = Plan(
        connections=connections,
        rate=tuple(RateStep(float(rate), float(length)) for rate, length in steps),
        payload=payload,
        params=(("a", "1"), ("a", "2")),
    )
    assert Plan.from_mapping(plan.to_mapping()) == plan


def test_a_report_names_parameters_and_headers_without_their_values() -> None:
    plan = Plan(params=(("token", "SECRET"),), headers=(("Authorization", "SECRET"),))
    mapping = plan.public_mapping()
    assert "SECRET" not in str(mapping)
    assert mapping["param"] == [["token", "…"]]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30s", 30), ("500ms", 0.5), ("2m", 120), ("1.5h", 5400), ("250us", 0.00025), (3, 3), ("7", 7)],
)
def test_durations(text: object, seconds: float) -> None:
    assert duration_s(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "s", "1x", "-1s", "1e9s", "31d", None, True, "1 s s", float("nan")])
def test_what_is_no_duration_is_refused(text: object) -> None:
    with pytest.raises(PlanError, match="give a time like"):
        duration_s(text)


@pytest.mark.parametrize(
    ("text", "rate"), [("500/s", 500), ("30/m", 0.5), (7, 7), ("0.5", 0.5), ("36/h", 0.01)]
)
def test_rates(text: object, rate: float) -> None:
    assert rate_per_s(text) == pytest.approx(rate)


@pytest.mark.parametrize("text", ["", "x", "1/d", -1, "1e99", None, True])
def test_what_is_no_rate_is_refused(text: object) -> None:
    with pytest.raises(PlanError, match="give a number a second"):
        rate_per_s(text)


def test_steps_are_read_in_order() -> None:
    plan = Plan.from_mapping({"rate": "100/s:30s, 500/s:1m"})
    assert plan.rate == (RateStep(100.0, 30.0), RateStep(500.0, 60.0))
    assert plan.duration_s == 90


@pytest.mark.parametrize(
    ("url", "full"),
    [
        ("ws://h/socket", "ws://h/socket/websocket"),
        ("ws://h:4000/socket/", "ws://h:4000/socket/websocket"),
        ("wss://h/socket/websocket", "wss://h/socket/websocket"),
        ("ws://[::1]:4000/s", "ws://[::1]:4000/s/websocket"),
    ],
)
def test_websocket_is_added_to_the_path_as_phoenix_js_does(url: str, full: str) -> None:
    assert websocket_url(url) == full


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("room:{i}", "room:203"),
        ("room:{i % 100}", "room:3"),
        ("{ (i + 1) * 2 // 3 }-{i}", "136-203"),
        ('{"a": {"b": {i}}}', '{"a": {"b": 203}}'),
        ("{}", "{}"),
        ('{"{i}": [{ "x": 1 }]}', '{"203": [{ "x": 1 }]}'),
    ],
)
def test_templates(source: str, text: str) -> None:
    assert Template(source).render({"i": 203}) == text


def test_a_template_reads_columns_of_rows() -> None:
    template = Template("{row.id}:{row.n % 3}", frozenset({"i", "row."}))
    assert template.render({"i": 0, "row": {"id": "x", "n": "7"}}) == "x:1"
    with pytest.raises(PlanError, match=r"row\.id is not a column"):
        template.render({"i": 0, "row": {"n": "7"}})
    with pytest.raises(PlanError, match="not a whole number"):
        template.render({"i": 0, "row": {"id": "x", "n": "seven"}})


@pytest.mark.parametrize(
    "source",
    [
        "{j}",
        "{i.x}",
        "{i % 0}",
        "{1 % i}",
        "{i ** 2}",
        "{print(i)}",
        "{i if i else 1}",
        "{1.5}",
        "{i +}",
        "{" + "1+" * 200 + "1}",
        "{i << 9}",
        "{9999999999999999999999}",
    ],
)
def test_what_is_no_placeholder_is_refused(source: str) -> None:
    with pytest.raises(PlanError):
        Template(source)


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 5),
    st.floats(),
    st.text(max_size=5),
    st.lists(st.text(max_size=3), max_size=2),
)


def result_or_sentence(function: Callable[[], object]) -> object:
    """What it returns, or None where it raises a PlanError of one line."""
    try:
        return function()
    except PlanError as error:
        if "\n" in str(error):
            raise AssertionError(f"more than one line: {error}") from error
        return None


@given(st.text(max_size=40))
def test_any_text_is_a_template_or_a_plan_error(source: str) -> None:
    rendered = result_or_sentence(lambda: Template(source).render({"i": 7}))
    assert rendered is None or isinstance(rendered, str)


@given(st.dictionaries(st.sampled_from(Plan.keys()), VALUES, max_size=4))
def test_any_mapping_is_a_plan_or_a_plan_error_of_one_sentence(mapping: dict[str, object]) -> None:
    plan = result_or_sentence(lambda: Plan.from_mapping(mapping))
    assert plan is None or (isinstance(plan, Plan) and Plan.from_mapping(plan.to_mapping()) == plan)
