"""What each platform says and how to talk to it: schema, mapper and client, one module per platform."""
