"""The desk for programs: the same acts as its pages, under /api/v1. docs/api.md says how it is used."""
