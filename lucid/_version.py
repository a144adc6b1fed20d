"""The version, read by ``pyproject.toml`` and by ``lucid.__version__``."""

# A constant because importlib.metadata would add some 20 ms to every import.
__version__ = "0.1.0"
