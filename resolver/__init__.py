"""nxwhy: a DNS resolver that blocks, and says why."""

__version__ = "0.1.0"
