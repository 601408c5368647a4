"""The one place where templates become what a person reads in a mail, and where templates are found."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

# In a checkout `templates/` stands beside this package; in an installed wheel, inside it.
TEMPLATES = next(
    folder
    for folder in (Path(__file__).parent / "templates", Path(__file__).parent.parent / "templates")
    if folder.is_dir()
)
STATIC = TEMPLATES / "static"

_environment = Environment(
    loader=FileSystemLoader(TEMPLATES),
    autoescape=select_autoescape(("html",)),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def rendered(template: str, **context: object) -> str:
    """Return a template filled in; raise where it asks for something that it was not given."""
    return _environment.get_template(template).render(**context)
