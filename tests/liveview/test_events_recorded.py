"""What our client would send for each recorded step is what the browser sent, and the forms hold what the
browser's forms held after it."""

from __future__ import annotations

import json
from urllib.parse import parse_qsl

import pytest

from fastphx.liveview.document import Document
from fastphx.liveview.events import Events
from fastphx.liveview.forms import LiveForms
from fastphx.liveview.outgoing import Request
from tests.liveview.acted import LIVEVIEW_VERSIONS, Acting
from tests.liveview.recordings import VERSIONS, recording, recordings
from tests.liveview.replayed import Views

DIFFERENT = {
    ("lv020", "admin", "5: click #inc"): "the browser's view was being rejoined, and it dropped the click",
    (
        "lv020",
        "counter",
        "4: clicks #dec 7",
    ): "the browser dropped two clicks that came before the first was answered",
}
"""The steps that differ, with the reason."""

SENDING = {"lv020": 209, "lv11": 211, "lv12": 211}
HOLDING = {"lv020": 51, "lv11": 51, "lv12": 51}


@pytest.mark.parametrize("version", VERSIONS)
def test_events_and_forms_are_the_browsers(version: str) -> None:
    different, sending, holding = [], 0, 0
    for page, recorded in recordings(version).items():
        for step in Acting(recorded, version).steps():
            sending += bool(step.sent or step.browser_sent)
            holding += bool(step.browser_forms)
            if step.sent != step.browser_sent:
                different.append((version, page, step.name))
            assert step.forms == step.browser_forms, (page, step.name)
    assert different == [each for each in DIFFERENT if each[0] == version]
    assert (sending, holding) == (SENDING[version], HOLDING[version])


@pytest.mark.parametrize("version", VERSIONS)
def test_a_form_that_the_server_triggers_is_posted_as_it_was_filled_in(version: str) -> None:
    recorded = recording(version, "trigger")
    _, filled, submitted = recorded["steps"]
    views = Views(recorded)
    views.feed(0, filled["frames_to"])
    live = LiveForms()
    events = Events(Document(*views.html().values()), live, LIVEVIEW_VERSIONS[version])
    assert events.triggered() == []
    events.change(events.document.find("#name"), "tri")
    events.submit(events.document.find("form"))
    for number in range(submitted["frames_from"], submitted["frames_to"]):
        text = recorded["frames"][number].get("text", "")
        views.feed(number, number + 1)
        if "phx_reply" in text and json.loads(text)[1] == "9":
            break
    events = Events(Document(*views.html().values()), live, LIVEVIEW_VERSIONS[version])
    events.forms.patched()
    posted = next(each for each in recorded["docs"] if each["method"] == "POST")
    assert events.triggered() == [Request("post", "/login", parse_qsl(posted["post"]))]
