"""Image -> descriptor: backbones, aggregators, the model of both, and its checkpoints."""

from typing import Final

VERSION: Final = 1
"""Part of every manifest fingerprint; raise it when the same weights would give other descriptors."""
