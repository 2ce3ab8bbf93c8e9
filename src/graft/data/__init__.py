"""The data pipeline: from any source to labelled rows, splits, pixels and batches.

`read` opens a source as `Examples`, `split` divides them, `decode_all` yields pixels. What needs
torch lies in `graft.data.batches` and `graft.data.augment`, so that this import stays cheap.
"""

from graft.data.decode import Decoded, decode, decode_all
from graft.data.examples import Examples, SetAside
from graft.data.images import PictureFacts, describe, normalise, prepare
from graft.data.pictures import (
    ArrayPicture,
    BytesPicture,
    FilePicture,
    ImagePicture,
    Picture,
)
from graft.data.read import read, read_inputs
from graft.data.split import Split, duplicates_across, groups_across, split

__all__ = [
    "ArrayPicture",
    "BytesPicture",
    "Decoded",
    "Examples",
    "FilePicture",
    "ImagePicture",
    "Picture",
    "PictureFacts",
    "SetAside",
    "Split",
    "decode",
    "decode_all",
    "describe",
    "duplicates_across",
    "groups_across",
    "normalise",
    "prepare",
    "read",
    "read_inputs",
    "split",
]
