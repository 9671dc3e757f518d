"""A simulated internet with hidden truth, written as raw feeds."""

from mithra.simulate.settings import WorldSettings
from mithra.simulate.world import World, simulate

__all__ = ["World", "WorldSettings", "simulate"]
