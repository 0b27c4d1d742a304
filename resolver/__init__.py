"""nxwhy: a DNS resolver that blocks, and says why."""
