"""The ways to reach people with what was shared, one module per channel."""
