"""Which versions of an engine's package are served."""

from importlib.metadata import version

from packaging.version import Version


def require(module: str, package: str, low: str, high: str) -> None:
    """Refuses a version below `low`, or from `high` on.

    Raises:
        ImportError: which names both and the command that helps.
    """
    found = version(package)
    if not Version(low) <= Version(found) < Version(high):
        raise ImportError(
            f"{module} needs {package} >= {low}, < {high}, and {found} is installed; "
            f"help: pip install '{package}>={low},<{high}'"
        )
