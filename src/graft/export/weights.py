"""What a file of weights must be before it is used, whatever its checksum says."""

from __future__ import annotations

from pathlib import Path

from safetensors import SafetensorError, safe_open

from graft.backbones.sound import listed, not_finite
from graft.errors import ModelError
from graft.export.checksums import RESTORE
from graft.network import Network

# As safetensors writes them: numbers of the one width that is saved, counters, masks.
KINDS = ("F32", "I64", "I32", "U8", "BOOL")


def check_weights(path: Path) -> None:
    """Check a file's header: it is whole, and all numbers have the type that models are saved in.

    Raises:
        ModelError: It is not; the tensors are named.
    """
    try:
        with safe_open(path, framework="pt") as file:
            kinds = {name: file.get_slice(name).get_dtype() for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError) as error:
        raise ModelError(f"{path} is damaged: {error}", next=RESTORE) from error
    wrong = [f"{name} ({kind})" for name, kind in sorted(kinds.items()) if kind not in KINDS]
    if wrong:
        raise ModelError(
            f"{path} holds tensors of another type: {listed(wrong)}",
            allowed=", ".join(KINDS),
            next=RESTORE,
        )


def check_network(network: Network, folder: Path) -> None:
    """Check that every weight and statistic is a finite number.

    Raises:
        ModelError: One is not; the tensors are named.
    """
    wrong = not_finite(network)
    if wrong:
        raise ModelError(
            f"The weights in {folder} hold values that are no finite numbers: {listed(wrong)}",
            allowed="finite numbers",
            next=RESTORE,
        )
