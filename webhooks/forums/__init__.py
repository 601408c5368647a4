"""How each platform signs what it sends, one module per platform."""
