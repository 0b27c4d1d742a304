"""The owner's configuration."""

from resolver.config.model import Config
from resolver.config.problem import ConfigError, Problem
from resolver.config.quantities import Endpoint
from resolver.config.reader import default, load, read

__all__ = ["Config", "ConfigError", "Endpoint", "Problem", "default", "load", "read"]
