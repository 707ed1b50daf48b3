from __future__ import annotations

import html
import re

from hypothesis import given
from hypothesis import strategies as st

from vobroker.web.highlight import adql


@given(st.text() | st.text(alphabet="SELECT'\"<>&-1. \n"))
def test_text_stays_the_same_to_the_reader(text: str) -> None:
    marked = str(adql(text))
    assert html.unescape(re.sub(r"</?span[^>]*>", "", marked)) == html.unescape(html.escape(text))


def test_parts_of_a_query_are_told_apart() -> None:
    marked = str(adql("SELECT ABS(mag) FROM alert WHERE band = 'g''s' AND snr > 5e1 -- bright"))
    for kind, text in (
        ("keyword", "SELECT"),
        ("function", "ABS"),
        ("string", "&#39;g&#39;&#39;s&#39;"),
        ("number", "5e1"),
        ("comment", "-- bright"),
    ):
        assert f'<span class="adql-{kind}">{text}</span>' in marked
