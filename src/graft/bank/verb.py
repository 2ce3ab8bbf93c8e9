"""The verb `bank`."""

from __future__ import annotations

from graft.bank.location import bank_folder
from graft.bank.upkeep import ACTIONS, clear_bank, list_bank, verify_bank
from graft.errors import unknown_name
from graft.progress import Progress, Silent
from graft.types import Json


def bank(
    action: str = "list",
    *,
    fix: bool = False,
    key: str | None = None,
    older_than: float | None = None,
    everything: bool = False,
    progress: Progress | None = None,
) -> Json:
    """Look after the store of decoded pictures and frozen outputs.

    Args:
        action: `list`, `verify` (compare every stored byte with what was written) or `clear`.
        fix: `verify` removes what is damaged; it is computed anew when next wanted.
        key: `clear` only the shelf whose key begins so.
        older_than: `clear` only what was not used in so many days.
        everything: `clear` all. What a running process uses stays.
        progress: Told how far the work is.

    Returns:
        What was found and done; see `list_bank`, `verify_bank` and `clear_bank` in
        `graft.bank.upkeep`.

    Raises:
        UserError: The action or the key is unknown, or nothing says what is to be cleared.
    """
    if action not in ACTIONS:
        raise unknown_name("action of the bank", action, ACTIONS)
    root = bank_folder()
    if action == "verify":
        return verify_bank(root, fix=fix, progress=progress or Silent())
    if action == "clear":
        return clear_bank(root, key=key, older_than=older_than, everything=everything)
    return list_bank(root)
