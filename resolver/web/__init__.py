"""Pages as pure functions from state to HTML."""
