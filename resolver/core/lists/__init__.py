"""One list's text -> rules and errors, a module a format."""
