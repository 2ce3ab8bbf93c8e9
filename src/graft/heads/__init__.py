"""Part 2, the new task layers: from the backbone's pooled features to logits."""
