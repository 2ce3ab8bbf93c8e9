"""One script per peer, as its own users write it; run in its own environment, without graft."""
