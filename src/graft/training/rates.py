"""The learning rate where the user gives none: the phase's own, by family and optimizer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from torch import nn

from graft.backbones.backbone import Backbone
from graft.backbones.load import RANDOM
from graft.strategies import Phase
from graft.training.optimizer import OPTIMIZERS


@dataclass(frozen=True, slots=True)
class Family:
    """Backbones that fine-tune at alike rates.

    Attributes:
        name: For messages.
        factor: On the rate that a phase sets for a convolutional network with BatchNorm and AdamW
            at about 32 rows a step.
        source: Whose rates these are.
        pretrained: Whether it holds for pretrained weights alone; random ones take the phase's own
            rate.
    """

    name: str
    factor: float
    source: str
    pretrained: bool = False


_CONVOLUTIONAL = Family("convolutional", 1.0, "the phase's own rate")
_CONVNEXT = Family("ConvNeXt", 1 / 3, "Liu et al. 2022, table 5: 5e-5 with layer decay, batch 512")
_VISION = Family("vision transformer", 1 / 6, "He et al. 2022, table 9: 5e-4 per 256 rows")
_SWIN = Family("Swin", 1 / 6, "Liu et al. 2021, section 4.1, and as vision transformers")
_TEXT = Family("text encoder", 1 / 6, "Devlin et al. 2019, appendix A.3: 2e-5 to 5e-5")

# Whole models: their output layer is kept, so that nothing new has to be learnt fast.
_MARIAN = Family("Marian", 1 / 20, "Hugging Face course, chapter 7: 2e-5 at 32 pairs", True)
_T5 = Family("T5", 1 / 10, "transformers' documentation of T5: 1e-4 to 3e-4", True)
_MULTILINGUAL = Family("multilingual", 1 / 30, "Liu et al. 2020 (mBART): 3e-5", True)

# By the last part of the name of the file that defines the architecture, in timm or transformers.
# What is not listed counts as convolutional.
FAMILIES: Mapping[str, Family] = MappingProxyType(
    {
        **dict.fromkeys(("resnet", "vgg", "densenet", "regnet", "byobnet"), _CONVOLUTIONAL),
        **dict.fromkeys(("mobilenetv3", "efficientnet", "ghostnet"), _CONVOLUTIONAL),
        **dict.fromkeys(("convnext", "hgnet", "metaformer", "mambaout"), _CONVNEXT),
        **dict.fromkeys(("vision_transformer", "deit", "eva", "beit", "cait", "xcit"), _VISION),
        **dict.fromkeys(("naflexvit", "vitamin", "modeling_vit", "modeling_dinov2"), _VISION),
        **dict.fromkeys(("maxxvit", "coatnet", "levit", "mvitv2", "hiera"), _VISION),
        **dict.fromkeys(("swin_transformer", "swin_transformer_v2"), _SWIN),
        **dict.fromkeys(("modeling_bert", "modeling_roberta", "modeling_distilbert"), _TEXT),
        **dict.fromkeys(("modeling_deberta_v2", "modeling_electra", "modeling_mpnet"), _TEXT),
        **dict.fromkeys(("modeling_t5", "modeling_mt5", "modeling_umt5"), _T5),
        **dict.fromkeys(("modeling_m2m_100", "modeling_mbart"), _MULTILINGUAL),
        "modeling_marian": _MARIAN,
        **dict.fromkeys(("modeling_xlm_roberta", "modeling_modernbert"), _TEXT),
    }
)


def family_of(model: nn.Module) -> Family:
    """The family of a native model, by the file that defines it."""
    return FAMILIES.get(type(model).__module__.rpartition(".")[2], _CONVOLUTIONAL)


def phase_rate(phase: Phase, backbone: Backbone, optimizer: str) -> float:
    """The learning rate of a phase, where the user gives none.

    Every optimizer has its factor. Where blocks of the backbone train, an optimizer that scales
    each parameter's step has the family's factor too; SGD's rates differ little between families
    (Dosovitskiy et al. 2021, table 4, fine-tune transformers at 0.003 to 0.06).
    """
    kind = OPTIMIZERS[optimizer]
    by_family = kind.adaptive and bool(phase.plan.trained) and not phase.fixed_lr
    family = family_of(backbone.model)
    if family.pretrained and backbone.origin == RANDOM:
        by_family = False
    factor = family.factor if by_family else 1.0
    return phase.lr * kind.rate * factor
