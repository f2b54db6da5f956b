"""The data of forms, as HTML's standard and LiveView's client have it, and what outlives a patch."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import pytest

from fastphx.liveview.controls import default_value, sanitized
from fastphx.liveview.document import Document
from fastphx.liveview.errors import ElementError
from fastphx.liveview.forms import ChosenFile, Forms, LiveForms, posted, unused_name, url_encoded
from fastphx.liveview.rendered import Rendered
from fastphx.liveview.version import Version


def forms_of(html: str) -> Forms:
    return Forms(Document(html), LiveForms())


def entries(html: str, submitter: str | None = None) -> list[Any]:
    forms = forms_of(html)
    by = None if submitter is None else forms.document.find(submitter)
    return forms.entries(forms.document.find("form"), by)


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<input name=a value=1><input value=2><input name='' value=3>", [("a", "1")]),
        ("<input name=a>", [("a", "")]),
        ("<input name=a disabled><fieldset disabled><input name=b></fieldset><input name=c>", [("c", "")]),
        ("<datalist><input name=a></datalist>", []),
        ("<input type=checkbox name=a><input type=checkbox name=b checked>", [("b", "on")]),
        (
            "<input type=hidden name=a value=false><input type=checkbox name=a value=true checked>",
            [("a", "false"), ("a", "true")],
        ),
        ("<input type=radio name=a value=1 checked><input type=radio name=a value=2 checked>", [("a", "2")]),
        ("<input type=radio name=a value=1>", []),
        ("<select name=a><option value=1>x<option> two  words </select>", [("a", "1")]),
        ("<select name=a><option disabled value=1><option value=2></select>", [("a", "2")]),
        ("<select name=a><option value=1><option selected>x<option selected> y  z </select>", [("a", "y z")]),
        ("<select name=a><option selected disabled value=1>x</select>", []),
        ("<select name=a size=3><option value=1>x</select>", []),
        ("<select name=a multiple><option value=1>x<option value=2>y</select>", []),
        (
            """<select name='a[]' multiple><option selected>1<optgroup disabled><option selected>2
            </optgroup><optgroup><option selected value=3></select>""",
            [("a[]", "1"), ("a[]", "3")],
        ),
        ("<textarea name=a>\n\n x\r\ny</textarea>", [("a", "\n x\ny")]),
        ("<textarea name=a dirname=d></textarea>", [("a", ""), ("d", "ltr")]),
        ("<input type=file name=a>", [("a", ChosenFile())]),
        ("<input type=hidden name=_charset_ value=x>", [("_charset_", "UTF-8")]),
        ("<input type=nonsense name=a value='x\ny'>", [("a", "xy")]),
        (
            "<input type=number name=a value=x><input type=number name=b value=-1.5e3>",
            [("a", ""), ("b", "-1.5e3")],
        ),
        ("<input type=color name=a><input type=range name=b>", [("a", "#000000"), ("b", "50")]),
        ("<input type=email name=a value=' x '>", [("a", "x")]),
        (
            "<input type=date name=a value=2026-1-1><input type=time name=b value=10:00>",
            [("a", ""), ("b", "10:00")],
        ),
        ("<button name=a value=1></button><input type=submit name=b><input type=image name=c>", []),
        ("<button type=button name=a></button><input type=reset name=b>", []),
        ("<table><tr><td><input name=a></td></tr></table>", [("a", "")]),
    ],
)
def test_a_forms_data(html: str, expected: list[Any]) -> None:
    assert entries(f"<form>{html}</form>") == expected


def test_controls_belong_to_the_form_that_they_name() -> None:
    html = (
        "<input form=f name=a><form id=f><input name=b><input form=g name=c><input form='' name=d>"
        "<button id=in name=x value=1></button></form><input form=f name=e>"
        "<button id=out form=f name=y></button>"
    )
    assert entries(html) == [("a", ""), ("b", ""), ("e", "")]
    assert entries(html, "#in") == [("a", ""), ("b", ""), ("x", "1"), ("e", "")]
    assert entries(html, "#out") == [("a", ""), ("b", ""), ("e", ""), ("y", "")]


def test_a_form_in_a_table_has_the_controls_that_follow_it_there() -> None:
    forms = forms_of(
        "<input name=x><table><tr><form id=one><td><input name=a></td></form></tr>"
        "<tr><form id=two><td><input name=b></td><td><button id=s name=c></td></form></tr></table>"
        "<input name=y>"
    )
    one, two = forms.document.select("form")
    assert forms.entries(one) == [("a", "")]
    assert forms.entries(two, forms.document.find("#s")) == [("b", ""), ("c", "")]
    whole = forms_of("<table><form id=f><thead></thead><tr><td><input name=a></td></tr></form></table>")
    assert whole.entries(whole.document.find("form")) == [("a", "")]


def test_an_image_button_sends_where_it_was_clicked() -> None:
    assert entries("<form><input type=image id=i name=c></form>", "#i") == [("c.x", "0"), ("c.y", "0")]
    assert entries("<form><input type=image id=i></form>", "#i") == [("x", "0"), ("y", "0")]


@pytest.mark.parametrize(
    ("name", "marked"),
    [
        ("a", "_unused_a"),
        ("user[name]", "user[_unused_name]"),
        ("user[tags][]", "user[_unused_tags][]"),
        ("a[]", "_unused_a[]"),
        ("a[b][c]", "a[b][_unused_c]"),
        ("a[0][b]", "a[0][_unused_b]"),
        ("[]", "[]"),
        ("a]b", "a]_unused_b"),
        ("a\nb", "_unused_a\nb"),
    ],
)
def test_names_of_unused_fields(name: str, marked: str) -> None:
    assert unused_name(name) == marked


def encoded(forms: Forms, version: tuple[int, int, int] | None, **options: Any) -> str:
    return forms.encoded(forms.document.find("form"), version, **options)


def test_fields_that_nobody_has_used_are_marked_from_1_0() -> None:
    forms = forms_of(
        "<form><input id=a name=a><input name=b type=hidden><input name=c type=hidden>"
        "<input id=c type=checkbox name=c checked><input name=d phx-no-unused-field>"
        "<button id=s name=e></button></form>"
    )
    plain = "a=&b=&c=&c=on&d="
    assert encoded(forms, Version(1, 1, 33)) == "_unused_a=&a=&b=&_unused_c=&c=&_unused_c=&c=on&_unused_d=&d="
    assert encoded(forms, None) == encoded(forms, Version(0, 20, 17)) == plain
    assert encoded(forms, Version(1, 2, 0)) == "_unused_a=&a=&b=&_unused_c=&c=&_unused_c=&c=on&d="
    forms.use(forms.document.find("#c"))
    assert encoded(forms, Version(1, 2, 0)) == "_unused_a=&a=&b=&c=&c=on&d="
    submitter = forms.document.find("#s")
    assert encoded(forms, Version(1, 2, 0), submitter=submitter) == "_unused_a=&a=&b=&c=&c=on&d=&e="
    assert encoded(forms, Version(1, 2, 0), only="a") == "_unused_a=&a="
    forms.use_all(forms.document.find("form"))
    assert encoded(forms, Version(1, 0, 0)) == plain


def test_files_and_a_form_without_unused_fields() -> None:
    forms = forms_of("<form phx-no-unused-field><input name=a><input type=file name=b></form>")
    assert encoded(forms, Version(1, 2, 0)) == "a="
    assert encoded(forms, Version(1, 1, 33)) == "_unused_a=&a="


def test_url_encoding_is_that_of_a_browser() -> None:
    assert url_encoded([("a b", "~!*'()-._"), ("é", "\U0001f600&=+%"), ("x", "\ud800\n")]) == (
        "a+b=%7E%21*%27%28%29-._&%C3%A9=%F0%9F%98%80%26%3D%2B%25&x=%EF%BF%BD%0A"
    )
    assert posted([("a", "1\n2\r\n3\r4"), ("f", ChosenFile("n.txt", 3))]) == [
        ("a", "1\r\n2\r\n3\r\n4"),
        ("f", "n.txt"),
    ]


def test_a_patch_sets_back_what_the_focus_does_not_hold() -> None:
    live = LiveForms()
    html = (
        "<form id=f><input id=a name=a><input name=b><input name=b value=2>"
        "<select name=c><option>1<option>2</select></form>"
    )
    forms = Forms(Document(html), live)
    a, first, second, select = forms.document.select("input, select")
    forms.type(a, "one")
    forms.type(first, "two")
    forms.type(second, "three")
    forms.select(select, ["2"])
    forms.use(second)
    live.focused = forms.key(second)
    assert dict(forms.entries(forms.document.find("form"))) == {"a": "one", "b": "three", "c": "2"}
    after = Forms(Document(html.replace("<input id=a name=a>", "<input id=a name=a value=server>")), live)
    after.patched()
    assert after.entries(after.document.find("form")) == [
        ("a", "server"),
        ("b", ""),
        ("b", "three"),
        ("c", "1"),
    ]
    assert len(live.used) == 1
    gone = Forms(Document("<form id=f><input name=b></form>"), live)
    gone.patched()
    assert live == LiveForms()


def test_a_patch_keeps_what_it_leaves_out_and_what_is_being_sent_by_http() -> None:
    for html, kept in (
        ("<form><input id=a name=a></form>", True),
        ("<form phx-trigger-action><input id=a name=a></form>", False),
    ):
        live = LiveForms()
        forms = Forms(Document(html), live)
        forms.type(forms.document.find("#a"), "x")
        Forms(Document(html), live).patched(lambda element, kept=kept: kept)
        assert forms.value(forms.document.find("#a")) == "x"


def patched(live: LiveForms, html: str, own_forms: Collection[str] = ()) -> Forms:
    forms = Forms(Document(html), live)
    forms.patched(own_forms=own_forms)
    return forms


def test_a_patch_leaves_out_a_form_of_its_own_until_it_changes() -> None:
    html = "<form id=f><input id=a name=a></form><form><input id=b name=b></form>"
    live = LiveForms()
    forms = Forms(Document(html), live)
    for control in forms.document.select("input"):
        forms.type(control, "x")
    after = patched(live, f"<p>2</p>{html}", {"f", "g"})
    assert [after.value(each) for each in after.document.select("input")] == ["x", ""]
    after = patched(live, html.replace("<input id=a", "<i></i><input id=a"), {"f"})
    assert after.value(after.document.find("#a")) == ""


def test_a_patch_leaves_out_a_component_until_it_changes() -> None:
    html = "<div data-phx-component=1><b></b><form id=f><input id=a name=a></form></div>"
    live = LiveForms()
    forms = Forms(Document(html), live)
    forms.type(forms.document.find("#a"), "x")
    assert patched(live, f"1{html}2").value(forms.document.find("#a")) == "x"
    assert patched(live, html.replace("<b>", "<b>1"), {"f"}).value(forms.document.find("#a")) == "x"
    assert patched(live, html.replace("<b>", "<b>1")).value(forms.document.find("#a")) == ""


def test_the_forms_that_are_a_template_of_their_own() -> None:
    form = {"s": ["\n<form", ">\n", "</form>\n"], "0": ' id="f&amp;1"', "1": "<input>", "r": 1}
    inline = {"s": ['<form id="g">', "</form>"], "0": ""}
    tree = Rendered(
        {
            "s": ["<form id='main'></form>", "", "", "<p></p>"],
            "0": form,
            "1": {"s": ["<b>", "</b>"], "d": [[inline]]},
            "2": 1,
            "c": {
                "1": {
                    "s": ["<div>", "", "</div>"],
                    "0": {**inline, "s": ["<form", "></form>"]},
                    "1": 2,
                    "r": 1,
                },
                "2": {"s": ["<form id=h>", "</form>"], "0": ""},
            },
        }
    )
    assert tree.own_forms == {"f&1", "g", "h"}


def test_a_select_keeps_its_choice_while_it_has_the_focus_and_stays_the_same() -> None:
    html = "<select id=s name=s><option>1<option>2</select>"
    live = LiveForms()
    forms = Forms(Document(html), live)
    forms.select(forms.document.find("select"), ["2"])
    live.focused = "#s"
    Forms(Document(html), live).patched()
    assert forms.value(forms.document.find("select")) == "2"
    after = Forms(Document(html.replace("<option>2", "<option>2<option>3")), live)
    after.patched()
    assert after.value(after.document.find("select")) == "1"


def test_radio_buttons_uncheck_each_other_within_their_form_only() -> None:
    forms = forms_of(
        "<form><input type=radio name=a value=1 checked><input type=radio name=a value=2></form>"
        "<input type=radio name=a value=3 checked><input type=radio value=4 checked>"
    )
    one, two, three, four = forms.document.select("input")
    forms.check(two)
    assert [forms.is_checked(each) for each in (one, two, three, four)] == [False, True, True, True]


def test_values_that_a_control_does_not_take() -> None:
    forms = forms_of(
        "<input type=number><select id=s><option value=1>One<option value=2 disabled>Two</select>"
    )
    with pytest.raises(ElementError, match=r"'1,5' is no number"):
        forms.type(forms.document.find("input"), "1,5")
    select = forms.document.find("select")
    forms.select(select, ["One"])
    for value in ("2", "Two", "3"):
        with pytest.raises(ElementError, match=f"has no option '{value}'; it has '1', '2'"):
            forms.select(select, [value])
    with pytest.raises(ElementError, match="takes one of its options, not 2"):
        forms.select(select, ["1", "1"])


def test_files_of_an_upload_are_held_by_its_uploader() -> None:
    forms = forms_of(
        "<form><input type=file name=a><input type=file name=b multiple data-phx-upload-ref=r></form>"
    )
    for control in forms.document.select("input"):
        forms.choose(control, [ChosenFile("x", 1)])
    assert forms.entries(forms.document.find("form")) == [("a", ChosenFile("x", 1)), ("b", ChosenFile())]
    assert forms.value(forms.document.find("input")) == "C:\\fakepath\\x"


def test_a_form_of_too_many_controls_is_refused() -> None:
    with pytest.raises(ElementError, match="more than 10000 controls"):
        entries(f"<form>{'<input name=a>' * 10_001}</form>")


def test_values_before_anybody_types() -> None:
    document = Document("<button value=1></button><input type=radio><input type=hidden value=' a\n'>")
    assert [default_value(each) for each in document.select("button, input")] == ["1", "on", " a\n"]
    assert sanitized("#ABCDEF", "color") == "#abcdef"
