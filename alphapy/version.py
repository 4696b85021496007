"""The product's version and codename, shown to members and operators."""

VERSION = "0.1.0"
CODENAME = "First Light"
