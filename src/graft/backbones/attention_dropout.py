"""Fine-tuning without dropout on attention weights.

With it, scaled-dot-product attention cannot run in one fused pass: on a CPU a training step of
MiniLM takes a third longer, and memory grows with the square of the length.
The dropouts on embeddings, on the outputs of attention and on those of the dense layers stay, and
so does the checkpoint's own configuration, which a saved model bears.
"""

from __future__ import annotations

from torch import nn

QUERIES = frozenset({"query", "query_proj", "q_lin", "q"})
"""What encoders call the projection to queries, beside which the attention's own dropout stands."""


def leave_out_attention_dropout(model: nn.Module) -> int:
    """Set the probability of every dropout on attention weights to 0; returns how many there are.

    >>> class Attention(nn.Module):
    ...     def __init__(self) -> None:
    ...         super().__init__()
    ...         self.query, self.dropout = nn.Linear(2, 2), nn.Dropout(0.1)
    >>> leave_out_attention_dropout(nn.Sequential(Attention(), nn.Dropout(0.1)))
    1
    """
    found = 0
    for module in model.modules():
        own = getattr(module, "dropout", None)
        if isinstance(own, nn.Dropout) and not QUERIES.isdisjoint(dict(module.named_children())):
            own.p = 0.0
            found += 1
    return found
