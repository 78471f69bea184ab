"""What is wrong with a study file, told to who wrote it."""

from __future__ import annotations


class ConfigError(ValueError):
    """Faults of a config, each a line that names the key, the fault and the cure."""

    def __init__(self, faults: list[str]) -> None:
        self.faults = faults
        lines = "\n".join(f"  - {fault}" for fault in faults)
        noun = "fault" if len(faults) == 1 else "faults"
        super().__init__(f"{len(faults)} {noun} in the config:\n{lines}")
