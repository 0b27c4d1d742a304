"""The owner's configuration."""

from resolver.config.model import Config
from resolver.config.problem import MAX_SHOWN, ConfigError, Problem
from resolver.config.quantities import Endpoint
from resolver.config.reader import default, load, read

__all__ = ["MAX_SHOWN", "Config", "ConfigError", "Endpoint", "Problem", "default", "load", "read"]
