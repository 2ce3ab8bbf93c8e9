"""Outputs of frozen blocks, computed once and kept on disk under the content they depend on."""

from graft.bank.key import pixels_key, prefix_key
from graft.bank.location import bank_folder
from graft.bank.store import Shelf, open_shelf

__all__ = ["Shelf", "bank_folder", "open_shelf", "pixels_key", "prefix_key"]
