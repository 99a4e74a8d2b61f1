"""Texts without the secrets of the environment: what goes into logs, files and messages is read by others."""

import os
import re
from collections.abc import Mapping
from typing import Final

HIDDEN: Final = "***"
SHORTEST: Final = 6
"""Shorter values are words like `true`, which stand everywhere."""
_SECRET: Final = re.compile(r"KEY|TOKEN|SECRET|PASSW|PASSPHRASE|CREDENTIAL|WEBHOOK", re.IGNORECASE)
_IN_ADDRESS: Final = re.compile(r"(?<=://)[^/\s@]+(?=@)")


def without_secrets(text: str, environment: Mapping[str, str] | None = None) -> str:
    """The text with `***` for every value of a variable that is called a secret, and for what stands before an `@`.

    Args:
        text: Any.
        environment: Where the secrets are; None: of this process.
    """
    known = os.environ if environment is None else environment
    secrets = {value for name, value in known.items() if len(value) >= SHORTEST and _SECRET.search(name)}
    # The longest first: what holds another one must not be cut by it.
    for secret in sorted(secrets, key=lambda value: (-len(value), value)):
        text = text.replace(secret, HIDDEN)
    return _IN_ADDRESS.sub(HIDDEN, text)
