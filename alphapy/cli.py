"""The alphapy command."""


def main() -> None:
    """Start the command line."""
