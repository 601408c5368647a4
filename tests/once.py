"""What every app makes anew and every app makes alike: in a process of the tests it is made once.

Routes, templates and statements are compiled for each app and each engine. A process of the tests makes hundreds of
both, and compiling took more time than the stories.
"""

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from flask import Flask
from jinja2 import BytecodeCache
from jinja2.bccache import Bucket
from werkzeug.routing import Rule


class Compiled(BytecodeCache):
    """Templates as compiled for the first app; the next one finds them by their source's checksum."""

    def __init__(self) -> None:
        self._kept: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if kept := self._kept.get(bucket.key):
            bucket.bytecode_from_string(kept)

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._kept[bucket.key] = bucket.bytecode_to_string()


def compile_once() -> None:
    """Let all apps of this process share what is compiled for their templates and routes."""
    Flask.jinja_options = {**Flask.jinja_options, "bytecode_cache": Compiled()}
    Rule._compile_builder = _kept(Rule._compile_builder)


def share_statements(db: sa.Engine) -> None:
    """Let this engine use what was compiled for the statements of an earlier one. Call it before its first question."""
    # Statements are kept by dialect, and each engine has a dialect of its own, which learns from its first connection.
    if db.dialect.name not in _statements:
        with db.connect():
            _statements[db.dialect.name] = (db.dialect, {})
    db.dialect, db._compiled_cache = _statements[db.dialect.name]
    db.pool._dialect = db.dialect


def _kept(compile_builder: Callable[..., Any]) -> Callable[..., Any]:
    builders: dict[Any, Any] = {}

    def builder_of(rule: Rule, append_unknown: bool = True) -> Any:
        # All that a builder is made from; what converts a value it takes from the rule that it is called for.
        if rule.defaults:
            return compile_builder(rule, append_unknown)
        key = (tuple(rule._trace), append_unknown)
        if key not in builders:
            builders[key] = compile_builder(rule, append_unknown)
        return builders[key]

    return builder_of


_statements: dict[str, tuple[sa.Dialect, dict[Any, Any]]] = {}
