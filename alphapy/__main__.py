"""``python -m alphapy`` is the ``alphapy`` command."""

from alphapy.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
