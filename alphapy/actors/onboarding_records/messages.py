"""Where the import of onboarding records is found."""

from __future__ import annotations

from typing import Final

from alphapy.actors.kernel.address import Address

IMPORT: Final = Address.process("import_onboarding")
