"""How a comment's HTML becomes the words that we keep."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plugin.wording import one_line, plain_text, tidy_text


@pytest.mark.parametrize(
    ("markup", "words"),
    [
        ("<p>Hello <b>there</b>,<br>friend &amp; co</p><p>Bye</p>", "Hello there,\nfriend & co\n\nBye"),
        ("one<br><br />two", "one\n\ntwo"),
        ("<div>a</div>\n<div>b\n c</div>", "a\nb c"),
        ("<ul><li>one<li><p>two</p></li><li></li></ul>after", "- one\n\n- two\n\nafter"),
        ("<ol><li><div>first</div></li></ol>", "- first"),
        ('See <a href="https://x.example">the leaflet</a>.', "See the leaflet."),
        ("a<script>alert('<p>')</script>b<STYLE>p{}</STYLE >c<script>never closed", "abc"),
        ("<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", "a b\nc"),
        ("<pre>a\n  b</pre>c", "a\n  b\n\nc"),
        ("5 < 6 <3 &lt;b&gt; &nbsp; &#8217;", "5 < 6 <3 <b> ’"),
        ("a<!-- hidden <b> -->b<!doctype html>c<?php ?>d", "abcd"),
        ('<img src=x onerror="alert(1)>">after', "after"),
        ("left <b unclosed", "left"),
        ("<a title='>'>x</a>", "x"),
        ("plain words", "plain words"),
        ("", ""),
        ("<p> </p><p>&nbsp;</p>", ""),
        ("</blockquote></pre></li>x", "x"),
    ],
)
def test_markup_becomes_words(markup, words):
    assert plain_text(markup) == words


def test_a_quote_of_a_quote_is_marked_line_by_line():
    invision = (
        '<blockquote class="ipsQuote" data-ipsquote-username="X"><div class="ipsQuote_citation">X said:</div>'
        '<div class="ipsQuote_contents"><blockquote class="ipsQuote"><p>I am a nurse.</p></blockquote><p>Me<br>too</p>'
        "</div></blockquote><p>I am not.</p>"
    )
    assert plain_text(invision) == "> X said:\n\n> > I am a nurse.\n\n> Me\n> too\n\nI am not."


@pytest.mark.parametrize(
    "again",
    [
        "<p>", "<blockquote>a", "<!--", '<a "x', "<a href='", "<b", "&#1", "&", "<script>", "</", "<li>a", "<br>",
        "<a= ", "&amp", "<title></titl", "</script", "<pre>\n", "<![CDATA[", "\u0315\u0300",
        "<a =      ", "&#x41;",
    ],
)  # fmt: skip
def test_hostile_markup_takes_time_in_proportion(again):
    markup = again * (200_000 // len(again))
    start = time.process_time()
    plain_text(markup)
    # Six times what the slowest takes alone; the square of the length would take minutes.
    assert time.process_time() - start < 2


def test_an_endless_reference_is_one_unknown_character():
    assert plain_text("a&#" + "1" * 5_000 + ";b") == "a\ufffdb"


@settings(max_examples=300, deadline=None)
@given(st.text(st.sampled_from("<>/!-&#;\"'= \n\x00apblockquteris"), max_size=80) | st.text(max_size=60))
def test_nothing_breaks_it(markup):
    assert not any(ord(char) < 32 and char not in "\t\n" for char in plain_text(markup))


def test_titles_stand_on_one_line_and_text_keeps_its_lines():
    assert one_line(" Falls\r\nBcc: x\u2028at \x07home\t") == "Falls Bcc: x at home"
    assert tidy_text("a\r\nb\rc\x1b[31m\td") == "a\nb\nc[31m\td"
