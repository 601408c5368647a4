"""What an operator can ask for on the command line, a module for each kind of work."""
