"""What a browser may load, frame and send to, on every page; and the few pages that need a word more."""

from collections.abc import Mapping, Sequence

# Bootstrap's own pictures are data: addresses inside its style sheet.
POLICY: Mapping[str, str] = {
    "default-src": "'none'",
    "img-src": "'self' data:",
    "style-src": "'self'",
    "script-src": "'self'",
    "font-src": "'self'",
    "connect-src": "'self'",
    "frame-src": "'self'",
    "form-action": "'self'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
}

# The panel stands in somebody else's page: it needs no script, but for the one that tells how tall it is.
PANEL_POLICY: Mapping[str, str] = {
    "default-src": "'none'",
    "img-src": "'self' data:",
    "style-src": "'self'",
    "form-action": "'self'",
    "base-uri": "'none'",
}


def framed_policy(origins: Sequence[str], *, with_script: bool = False) -> str:
    """Return the policy of a page that only these origins may frame; without one, nobody may."""
    ancestors = " ".join(["'self'", *origins]) if origins else "'none'"
    script = {"script-src": "'self'"} if with_script else {}
    return _spelt({**PANEL_POLICY, **script, "frame-ancestors": ancestors})


def posting_policy(origin: str | None) -> str:
    """Return the policy of a page with a form for one other origin, None for a page with no such form."""
    return _spelt({**POLICY, "form-action": f"'self' {origin}" if origin else "'self'"})


def _spelt(policy: Mapping[str, str]) -> str:
    return "; ".join(f"{name} {value}" for name, value in policy.items())
