"""Bring what people wrote into the plain form that we keep: no markup, no control characters, quotes marked by `>`."""

import html
import re
from collections.abc import Iterator

DEEPEST_QUOTE = 4  # a quote of a quote of a quote is still only a quote

# Each alternative runs on to the end where its own end is missing, as a browser does: no start is scanned twice.
MARKUP = re.compile(
    r"""<!--(?:.*?-->|.*)
      | <(?P<close>/?)(?P<name>[A-Za-z][^\s/>]*+)
        (?: =\s*+"[^"]*+(?:"|\Z) | =\s*+'[^']*+(?:'|\Z) | [^>=]++ | = )*+ (?:>|\Z)
      | <(?:[!?]|/(?![A-Za-z]))[^>]*+>?
    """,
    re.VERBOSE | re.DOTALL,
)
# html.unescape turns digits into an int, and Python refuses to do that for thousands of them.
ENDLESS_REFERENCE = re.compile(r"&#[xX]?[0-9a-fA-F]{8,}+;?")
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
LINE_END = re.compile(r"\r\n?|[\x0b\x0c\x85\u2028\u2029]")

UNSEEN = {"script", "style", "template", "iframe", "noscript", "title"}
END_OF_UNSEEN = {name: re.compile(rf"</{name}(?=[\s/>]|\Z)", re.IGNORECASE) for name in UNSEEN}
ONE_LINE = {"div", "li", "tr", "dt", "dd", "section", "article", "figcaption", "summary", "caption", "address"}
PARAGRAPH = {"p", "blockquote", "ul", "ol", "dl", "table", "pre", "hr", "figure", "details", "aside", "header"}
PARAGRAPH |= {"footer", "form", "h1", "h2", "h3", "h4", "h5", "h6"}
CELL = {"td", "th"}


def plain_text(markup: str) -> str:
    """Return the words of an HTML comment; never raises, and takes time in proportion to its length.

    Paragraphs stand apart by an empty line, items begin with `- `, quoted lines with `> ` (one for each level up to
    four), links keep their text.
    """
    page = _Page()
    for is_tag, name, text in _pieces(tidy_text(markup)):
        if is_tag:
            page.turn(name)
        else:
            page.write(_resolved(text))
    return page.text()


def tidy_text(text: str) -> str:
    r"""Return text with `\n` for every kind of line end, and without control characters other than tab."""
    return CONTROL.sub("", LINE_END.sub("\n", text))


def one_line(text: str) -> str:
    """Return a title or a name on one line: no control characters, one space for each run of white space."""
    return " ".join(tidy_text(text).split())


def _pieces(markup: str) -> Iterator[tuple[bool, str, str]]:
    """Yield the tags (`/p` for a closing one) and the texts between, in order, leaving out what nobody sees."""
    start = 0
    while tag := MARKUP.search(markup, start):
        if tag.start() > start:
            yield False, "", markup[start : tag.start()]
        start = tag.end()
        name = (tag["name"] or "").lower()
        if not name:
            continue
        yield True, tag["close"] + name, ""
        if name in UNSEEN and not tag["close"]:
            end = END_OF_UNSEEN[name].search(markup, start)
            start = end.start() if end else len(markup)
    yield False, "", markup[start:]


def _resolved(text: str) -> str:
    return tidy_text(html.unescape(ENDLESS_REFERENCE.sub("\ufffd", text)))


class _Page:
    """The lines as they grow. A line knows how deep it is quoted; gaps are kept back until words follow."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.line: list[str] = []
        self.gap = False
        self.quoted = 0
        self.as_typed = 0
        self.bullet = False

    def write(self, text: str) -> None:
        if not self.as_typed:
            self.line.append(text)
            return
        first, *others = text.split("\n")
        self.line.append(first)
        for other in others:
            self.end_line()
            self.line.append(other)

    def turn(self, tag: str) -> None:
        """Do what a tag asks of the lines."""
        name = tag.removeprefix("/")
        if name == "br":
            # Two in a row are how many editors write a new paragraph.
            self.gap = self.gap or not "".join(self.line).strip()
            self.end_line()
        elif name in CELL:
            self.line.append(" ")
        elif name in ONE_LINE:
            self.end_line()
        elif name in PARAGRAPH:
            self.end_line()
            self.gap = True
        step = -1 if tag.startswith("/") else 1
        if name == "li":
            self.bullet = step > 0
        elif name == "blockquote":
            self.quoted = max(0, self.quoted + step)
        elif name == "pre":
            self.as_typed = max(0, self.as_typed + step)

    def end_line(self) -> None:
        if not self.line and not self.as_typed:
            return
        written = "".join(self.line)
        self.line.clear()
        words = written.rstrip() if self.as_typed else " ".join(written.split())
        if not words.strip():
            self.gap = self.gap or bool(self.as_typed)
            return
        quote = "> " * min(self.quoted, DEEPEST_QUOTE)
        if self.gap and self.lines:
            self.lines.append("")
        self.gap = False
        self.lines.append(quote + ("- " if self.bullet else "") + words)
        self.bullet = False

    def text(self) -> str:
        self.end_line()
        return "\n".join(self.lines)
