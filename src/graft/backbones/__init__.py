"""Part 1, the pretrained model: an ordered list of blocks without its output layer."""
