"""The ways to reach people with what was shared, one module per channel."""

from plugin.channels import email

CHANNELS = {"email": email.send}
