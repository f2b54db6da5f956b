"""A load check as an ordinary test: ``pytest examples/load/test_chat.py``.

The fixture comes with fastphx. The test fails, and says why, where the exit code of the run is not 0.
"""

from pathlib import Path

from fastphx.load import PhoenixLoad

CHAT = Path(__file__).with_name("chat.py")


def test_people_hear_each_other(phoenix_load: PhoenixLoad) -> None:
    result = phoenix_load(
        CHAT,
        arrivals="20/s",
        duration="2s",
        threshold=['step["wait new_msg"].p95<250ms', 'check["echoed"].rate==100%', "visits.failed==0"],
    )
    assert result.steps["wait new_msg"].ok >= 20
