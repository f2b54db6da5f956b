"""The timer wheel, on a manual clock against a model, and on the clock of real loops."""

import asyncio
import gc
import heapq
import select
import time
import weakref
from collections.abc import Callable
from typing import Any

import pytest
import uvloop
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fastphx.operating_system import IS_LINUX
from fastphx.timing.wheel import CallbackTimer, TimerWheel, wheel_for

LOOPS = [asyncio.new_event_loop, uvloop.new_event_loop]
TIME_NS = st.one_of(st.integers(-10, 1 << 20), st.integers(0, 1 << 34), st.integers(0, (1 << 63) - 1))


def test_a_timer_takes_nothing_of_the_wheel_wherever_it_is_put() -> None:
    wheel, timer = TimerWheel(), CallbackTimer(int)
    objects = len(gc.get_objects())
    for bit in range(16, 62):
        timer.schedule(wheel, deadline_ns=1 << bit)
        assert len(gc.get_objects()) == objects


@pytest.mark.parametrize("now_ns", [0, 12_345, 10**15])
def test_fires_at_the_deadline_and_not_a_nanosecond_before(now_ns: int) -> None:
    wheel = TimerWheel()
    wheel.advance(now_ns)
    fired = []
    timer = CallbackTimer(lambda: fired.append(1))
    for delay_ns in (1, 65_535, 65_536, 1_000_000, 30_000_000_000, 10**14):
        timer.schedule(wheel, deadline_ns=now_ns + delay_ns)
        wheel.advance(now_ns + delay_ns - 1)
        assert not fired
        assert timer.scheduled
        assert wheel.advance(now_ns + delay_ns) == 1
        assert fired.pop()
        assert not timer.scheduled
        assert len(wheel) == 0
        now_ns += delay_ns


@settings(max_examples=300, deadline=None)
@example([("schedule", 0, (1 << 63) - 1), ("advance", 0, (1 << 63) - (1 << 22))])
@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("schedule"), st.integers(0, 20), TIME_NS),
            st.tuples(st.just("cancel"), st.integers(0, 20), st.just(0)),
            st.tuples(st.just("advance"), st.just(0), TIME_NS),
        ),
        max_size=60,
    )
)
def test_does_what_a_heap_does(steps: list[tuple[str, int, int]]) -> None:
    wheel = TimerWheel()
    fired: set[int] = set()
    timers = [CallbackTimer(lambda number=number: fired.add(number)) for number in range(21)]
    waiting: dict[int, int] = {}
    now_ns = 0
    for step, number, at_ns in steps:
        if step == "schedule":
            timers[number].schedule(wheel, deadline_ns=at_ns)
            waiting[number] = at_ns
        elif step == "cancel":
            timers[number].cancel()
            waiting.pop(number, None)
        else:
            now_ns = max(now_ns, at_ns)
            heap = [(deadline_ns, number) for number, deadline_ns in waiting.items()]
            heapq.heapify(heap)
            expected = set()
            while heap and heap[0][0] <= now_ns:
                expected.add(heapq.heappop(heap)[1])
            assert wheel.advance(now_ns) == len(expected)
            assert fired == expected
            for number in expected:
                del waiting[number]
            fired.clear()
        assert len(wheel) == len(waiting)
        assert [timer.scheduled for timer in timers] == [number in waiting for number in range(21)]
        if waiting:
            assert wheel.next_deadline_ns is not None
            assert wheel.next_deadline_ns <= max(now_ns, *waiting.values())
            assert wheel.next_deadline_ns <= max(0, min(waiting.values()))
        else:
            assert wheel.next_deadline_ns is None


@given(st.lists(st.integers(0, 1 << 40), min_size=1, max_size=30))
def test_following_next_deadline_fires_each_timer_exactly_on_time(deadlines_ns: list[int]) -> None:
    wheel = TimerWheel()
    clock = [0]
    fired: list[tuple[int, int]] = []
    timers = []
    for deadline_ns in deadlines_ns:
        timer = CallbackTimer(lambda deadline_ns=deadline_ns: fired.append((deadline_ns, clock[0])))
        timer.schedule(wheel, deadline_ns=deadline_ns)
        timers.append(timer)
    wakes = 0
    while wheel.next_deadline_ns is not None:
        clock[0] = wheel.next_deadline_ns
        wheel.advance(clock[0])
        wakes += 1
    assert fired == [(deadline_ns, deadline_ns) for deadline_ns in sorted(deadlines_ns)]
    assert wakes <= 8 * len(deadlines_ns)


def test_a_timer_may_schedule_itself_and_cancel_others_that_are_due() -> None:
    wheel = TimerWheel()
    log: list[str] = []

    def first() -> None:
        log.append("first")
        second_timer.cancel()
        first_timer.schedule(wheel, deadline_ns=0)

    first_timer = CallbackTimer(first)
    second_timer = CallbackTimer(lambda: log.append("second"))
    first_timer.schedule(wheel, deadline_ns=5)
    second_timer.schedule(wheel, deadline_ns=5)
    assert wheel.advance(10) == 1
    assert log == ["first"]
    assert wheel.advance(10) == 1, "a timer that is due again waits for the next turn, and no longer"
    assert len(wheel) == 1


def test_a_failing_timer_does_not_stop_the_others() -> None:
    wheel = TimerWheel()
    fired: list[int] = []

    def fail() -> None:
        raise ValueError("broken")

    for callback in (fail, lambda: fired.append(1), fail):
        CallbackTimer(callback).schedule(wheel, deadline_ns=1)
    with pytest.raises(ExceptionGroup) as caught:
        wheel.advance(1)
    assert len(caught.value.exceptions) == 2
    assert fired == [1]
    CallbackTimer(fail).schedule(wheel, deadline_ns=1)
    with pytest.raises(ValueError, match="broken"):
        wheel.advance(1)


def test_moving_to_another_wheel_leaves_the_first() -> None:
    first, second = TimerWheel(), TimerWheel()
    timer = CallbackTimer(lambda: None)
    timer.schedule(first, deadline_ns=5)
    timer.schedule(second, deadline_ns=5)
    assert (len(first), len(second)) == (0, 1)
    assert first.advance(5) == 0
    assert second.advance(5) == 1


def test_arguments_are_checked() -> None:
    timer = CallbackTimer(lambda: None)
    wheel = TimerWheel()
    with pytest.raises(TypeError, match="callable"):
        CallbackTimer(3)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="either"):
        timer.schedule(wheel)
    with pytest.raises(TypeError, match="either"):
        timer.schedule(wheel, 1.0, deadline_ns=1)


def test_a_wheel_with_timers_is_collected() -> None:
    wheel = TimerWheel()
    timers = [CallbackTimer(lambda: None) for _ in range(100_000)]
    for number, timer in enumerate(timers):
        timer.schedule(wheel, deadline_ns=number * 1000)
    gone = weakref.ref(wheel)
    del wheel, timer
    timers.clear()
    gc.collect()
    assert gone() is None


def run(new_loop: Callable[[], asyncio.AbstractEventLoop], main: Any) -> Any:
    with asyncio.Runner(loop_factory=new_loop) as runner:
        return runner.run(asyncio.wait_for(main, 20))


@pytest.mark.parametrize("new_loop", LOOPS)
@pytest.mark.parametrize("timerfd", [True, False])
def test_fires_on_a_loop_and_never_early(
    new_loop: Callable[[], asyncio.AbstractEventLoop], timerfd: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        wheel = TimerWheel(loop, timerfd=timerfd)
        done = loop.create_future()
        early: list[int] = []
        left = 500

        def fire(deadline_ns: int) -> None:
            nonlocal left
            left -= 1
            if time.monotonic_ns() < deadline_ns:
                early.append(deadline_ns)
            if not left:
                done.set_result(None)

        start_ns = time.monotonic_ns()
        for number in range(left):
            deadline_ns = start_ns + number * 100_000 - 1_000_000
            CallbackTimer(lambda deadline_ns=deadline_ns: fire(deadline_ns)).schedule(
                wheel, deadline_ns=deadline_ns
            )
        await done
        assert not early
        assert len(wheel) == 0

    run(new_loop, main())


@pytest.mark.parametrize("new_loop", LOOPS)
def test_a_sooner_timer_is_not_kept_waiting_and_errors_reach_the_loop(
    new_loop: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        wheel = wheel_for(loop)
        assert wheel_for(loop) is wheel
        errors: list[Any] = []
        loop.set_exception_handler(lambda _loop, context: errors.append(context))
        fired = asyncio.Event()
        later = CallbackTimer(fired.set)
        later.schedule(wheel, 3600)

        def fail() -> None:
            raise ValueError("broken")

        CallbackTimer(fail).schedule(wheel, 0.001)
        CallbackTimer(fired.set).schedule(wheel, 0.002)
        await fired.wait()
        assert [str(context["exception"]) for context in errors] == ["broken"]
        assert len(wheel) == 1
        later.cancel()
        assert len(wheel) == 0

    run(new_loop, main())


@pytest.mark.parametrize("new_loop", LOOPS)
def test_a_closed_loop_and_its_wheel_go_away(new_loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    wheels: list[weakref.ref[TimerWheel]] = []

    async def main() -> None:
        wheel = wheel_for(asyncio.get_running_loop())
        CallbackTimer(lambda: None).schedule(wheel, 3600)
        wheels.append(weakref.ref(wheel))

    run(new_loop, main())
    gc.collect()
    assert wheels[0]() is None


@pytest.mark.parametrize("delay_s", [1e10, 1e300, float("inf"), 10**40])
def test_a_delay_of_ages_is_never(delay_s: float) -> None:
    wheel = TimerWheel()
    timer = CallbackTimer(lambda: None)
    timer.schedule(wheel, delay_s)
    assert timer.scheduled
    assert wheel.advance(time.monotonic_ns() + (1 << 61)) == 0


@pytest.mark.parametrize("delay_s", [-1, -1e300, float("-inf")])
def test_a_delay_below_0_is_due_at_once(delay_s: float) -> None:
    wheel = TimerWheel()
    CallbackTimer(lambda: None).schedule(wheel, delay_s)
    assert wheel.advance(time.monotonic_ns()) == 1


def test_a_delay_of_nan_is_refused() -> None:
    with pytest.raises(ValueError, match="nan"):
        CallbackTimer(lambda: None).schedule(TimerWheel(), float("nan"))


def test_wakes_once_for_each_of_a_few_timers() -> None:
    """However far away they are: no wake-up only moves them to a finer level."""
    wheel = TimerWheel()
    wheel.advance(10**15)
    fired: list[int] = []
    delays_ns = [1_000_000 * 7**power for power in range(10)]
    for delay_ns in delays_ns:
        CallbackTimer(lambda delay_ns=delay_ns: fired.append(delay_ns)).schedule(
            wheel, deadline_ns=10**15 + delay_ns
        )
    wakes = 0
    while wheel.next_deadline_ns is not None:
        wheel.advance(wheel.next_deadline_ns)
        wakes += 1
    assert fired == delays_ns
    assert wakes == len(delays_ns)


@pytest.mark.skipif(not IS_LINUX, reason="a timerfd is Linux'")
def test_a_timerfd_that_has_expired_wakes_once_and_costs_no_read() -> None:
    """What is unread in it would wake the loop again and again; setting it anew takes that back."""
    loop = asyncio.new_event_loop()
    fired = loop.create_future()
    wakes: list[int] = []
    watched: list[int] = []

    def add_reader(fd: int, callback: Callable[[], object]) -> None:
        watched.append(fd)
        add(fd, lambda: (wakes.append(fd), callback()))

    add, loop.add_reader = loop.add_reader, add_reader  # type: ignore[method-assign,assignment]
    try:
        wheel = TimerWheel(loop)
        timer = CallbackTimer(lambda: fired.set_result(None))
        timer.schedule(wheel, 0.001)
        loop.run_until_complete(fired)
        assert len(wheel) == 0
        assert len(wakes) == 1
        with select.epoll() as poll:
            poll.register(watched[0], select.EPOLLIN)
            assert poll.poll(0) == []
    finally:
        loop.close()
