"""How a view reaches the service that its app was made with."""

from flask import current_app

from plugin.service import Service

NAME = "manyvoices"


def service() -> Service:
    """Return what this app works with: its database, jobs, keys and post."""
    found: Service = current_app.extensions[NAME]
    return found
