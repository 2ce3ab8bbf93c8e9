"""The five workloads: which variants run, on which data, and which figures they should reach."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType

from benchmarks.speed import prepared
from benchmarks.speed.environments import REPOSITORY, interpreter
from benchmarks.speed.summary import Figure, Term

PEERS = "benchmarks.speed.peers"
OUT, BANK = "{out}", "{bank}"


@dataclass(frozen=True)
class Settings:
    """Sizes and repeats of one benchmark run.

    Attributes:
        images: Training pictures, validation included.
        tests: Test pictures.
        epochs: Epochs of every contender.
        peer_epochs: Epochs that slow peers really run; the rest is estimated.
        repeats: Rounds; in each, every variant runs once.
        threads: Of every contender.
        data: Where generated inputs are kept.
        timeout: Seconds after which a command is given up.
    """

    images: int
    tests: int
    epochs: int
    peer_epochs: int
    repeats: int
    threads: int
    data: Path
    timeout: float = 3600


@dataclass(frozen=True)
class Variant:
    """One command of a workload.

    Attributes:
        name: In the tables.
        environment: Whose Python runs it.
        command: What follows the interpreter; `{out}` stands for a new folder, `{bank}` for the
            group's bank.
        cold: Whether the bank is emptied first.
        epochs: How many epochs its seconds stand for.
        watch_memory: Whether its anonymous memory is sampled.
    """

    name: str
    environment: str
    command: tuple[str, ...]
    cold: bool = False
    epochs: int = 0
    watch_memory: bool = False


@dataclass(frozen=True)
class Workload:
    """Groups of variants; a group runs in order and shares a bank, groups take turns.

    Attributes:
        name: Of the result files.
        title: Of the table.
        groups: The variants.
        figures: What is to be reached.
        quantity: What the plot shows.
        notes: What a reader must know.
    """

    name: str
    title: str
    groups: tuple[tuple[Variant, ...], ...]
    figures: tuple[Figure, ...]
    quantity: str = "seconds"
    notes: tuple[str, ...] = field(default=())


def peer(name: str, environment: str, script: str, *options: object, epochs: int = 0) -> Variant:
    """A peer's script as a variant."""
    command = ("-m", f"{PEERS}.{script}", *map(str, options))
    return Variant(name, environment, command, epochs=epochs)


def graft_fit(name: str, *options: object, cold: bool = False) -> Variant:
    """`graft fit` as a variant."""
    command = ("-m", "graft", "fit", *map(str, options), "--out", OUT)
    return Variant(name, "graft", command, cold=cold)


def times(text: str, slow: str, fast: str, asked: float) -> Figure:
    """How many times faster `fast` is than `slow`."""
    return Figure(text, Term("seconds", (slow,)), Term("seconds", (fast,)), asked)


def walkthrough(settings: Settings) -> Workload:
    """ResNet50 at 32 x 32, frozen; a dense head of 1024; Adam, batches of 64."""
    data = prepared.cifar(settings.data, settings.images, settings.tests)
    weights = prepared.resnet50_weights(settings.data, data, 32)
    keras_weights = prepared.keras_weights(settings.data, data)
    fit = (data, "--backbone", "resnet50", "--weights", weights, "--size", 32)
    # No contender changes the pictures or clips gradients.
    machine = ("--validation", 0.2, "--augment", "none", "--threads", settings.threads)
    adam = ("--optimizer", "adam", "--lr", 0.001, "--weight-decay", 0)
    descent = (*adam, "--schedule", "constant", "--clip", 0)
    schedule = ("--batch-size", 64, "--epochs", settings.epochs, "--patience", settings.epochs)
    head = (*machine, *descent, *schedule, "--class-weights", "none", "--strategy", "head")
    exact = (*machine, "--strategy", "linear-probe")
    on = ("--data", data, "--threads", settings.threads, "--epochs")
    whole = {"epochs": settings.epochs}
    cut = settings.peer_epochs
    engines = ("folded", "onnxruntime", "openvino")
    return Workload(
        name=f"walkthrough-{settings.images}",
        title=f"Walkthrough: ResNet50 at 32 x 32 frozen, dense head 1024, {settings.epochs} "
        f"epochs, {settings.images:,} + {settings.tests:,} pictures",
        groups=(
            (
                graft_fit("graft, bank cold", *fit, *head, "--head", "mlp:1024", cold=True),
                graft_fit("graft, same again", *fit, *head, "--head", "mlp:1024"),
                graft_fit("graft, another head", *fit, *head, "--head", "mlp:512"),
                graft_fit("graft, exact linear head", *fit, *exact),
            ),
            (
                peer(
                    "Keras 3 on TensorFlow",
                    "keras",
                    "keras_walkthrough",
                    *on,
                    cut,
                    "--weights",
                    keras_weights,
                    **whole,
                ),
            ),
            (
                peer(
                    "PyTorch + timm loop",
                    "graft",
                    "torch_walkthrough",
                    *on,
                    cut,
                    "--weights",
                    weights,
                    **whole,
                ),
            ),
            (
                peer(
                    "fastai",
                    "fastai",
                    "fastai_walkthrough",
                    *on,
                    cut,
                    "--weights",
                    weights,
                    **whole,
                ),
            ),
            tuple(
                peer(
                    f"bare {engine} + bare head",
                    "engines",
                    "bare_walkthrough",
                    *on,
                    settings.epochs,
                    "--weights",
                    weights,
                    "--engine",
                    engine,
                )
                for engine in engines
            ),
        ),
        figures=(
            times("Keras / graft, bank cold", "Keras 3 on TensorFlow", "graft, bank cold", 5),
            times("PyTorch loop / graft, bank cold", "PyTorch + timm loop", "graft, bank cold", 8),
            times("fastai / graft, bank cold", "fastai", "graft, bank cold", 7),
            times("Keras / graft, another head", "Keras 3 on TensorFlow", "graft, another head", 8),
            times(
                "Keras / graft, exact linear head (bank warm)",
                "Keras 3 on TensorFlow",
                "graft, exact linear head",
                12,
            ),
            Figure(
                "graft, bank cold / best bare engine's prefix and head steps",
                Term("seconds", ("graft, bank cold",)),
                Term("bare", tuple(f"bare {engine} + bare head" for engine in engines)),
                asked=1.2,
                at_least=False,
            ),
        ),
        notes=(
            "Random weights, the same file for graft, PyTorch, fastai and the bare engines; Keras' "
            "ResNet50 has other strides, so it has random weights of its own. The exact linear "
            "head is another model than the dense head of 1024: compare its accuracy too.",
            "The bare rows' seconds hold importing and conversion; the figure takes their `bare`.",
        ),
    )


def photos(settings: Settings) -> Workload:
    """Photo-like JPEGs at 224, frozen ResNet50, new head, flips and crops."""
    held_out = settings.images // 5
    data = prepared.photos(settings.data, settings.images - held_out, held_out, settings.tests)
    weights = prepared.resnet50_weights(settings.data, data, 224)
    on = ("--data", data, "--weights", weights, "--threads", settings.threads)
    cut = ("--epochs", settings.peer_epochs)
    fit = (data, "--backbone", "resnet50", "--weights", weights, "--threads", settings.threads)
    head = ("--size", 224, "--strategy", "head", "--epochs", settings.epochs, "--lr", 0.001)
    views = ("--views", 2, "--augment", "standard")
    return Workload(
        name=f"photos-{settings.images}",
        title=f"{settings.images} JPEGs of 640 x 480 at 224 (a fifth for validation) and "
        f"{settings.tests} for the test, ResNet50 frozen, new head, {settings.epochs} epochs",
        groups=(
            (
                graft_fit("graft --views 2, bank cold", *fit, *head, *views, cold=True),
                graft_fit("graft --views 2, another rate", *fit, *head[:-1], 0.003, *views),
            ),
            (graft_fit("graft, plain pictures", *fit, *head, "--augment", "none", cold=True),),
            (
                peer(
                    "fastai, defaults", "fastai", "fastai_photos", *on, *cut, epochs=settings.epochs
                ),
            ),
            (
                peer(
                    "PyTorch loop, 2 workers",
                    "graft",
                    "torch_photos",
                    *on,
                    *cut,
                    epochs=settings.epochs,
                ),
            ),
        ),
        figures=(
            times("fastai / graft --views 2", "fastai, defaults", "graft --views 2, bank cold", 9),
            times(
                "PyTorch loop / graft --views 2",
                "PyTorch loop, 2 workers",
                "graft --views 2, bank cold",
                5,
            ),
        ),
        notes=(
            "graft stores the outputs of 2 augmented views of each picture; the peers draw a fresh "
            "view in every epoch. fastai adds its own larger head and trains BatchNorm.",
        ),
    )


def stage4(settings: Settings) -> Workload:
    """Stages 1-3 of ResNet50 frozen, stage 4 and the head trained, no augmentation."""
    held_out = settings.images // 5
    data = prepared.photos(settings.data, settings.images - held_out, held_out, settings.tests)
    weights = prepared.resnet50_weights(settings.data, data, 224)
    fit = (data, "--backbone", "resnet50", "--weights", weights, "--threads", settings.threads)
    top = ("--size", 224, "--strategy", "top-k:3", "--augment", "none", "--lr", 0.0001)
    epochs = ("--epochs", settings.epochs, "--patience", settings.epochs)
    on = ("--data", data, "--weights", weights, "--threads", settings.threads)
    loop = ("--epochs", settings.peer_epochs, "--unfreeze", "layer4")
    return Workload(
        name=f"stage4-{settings.images}",
        title=f"Stages 1-3 of ResNet50 frozen, stage 4 and head trained, {settings.epochs} epochs "
        f"of {settings.images} JPEGs at 224",
        groups=(
            (
                graft_fit("graft, bank cold", *fit, *top, *epochs, cold=True),
                graft_fit("graft, same again", *fit, *top, *epochs),
            ),
            (
                peer(
                    "PyTorch loop, 2 workers",
                    "graft",
                    "torch_photos",
                    *on,
                    *loop,
                    epochs=settings.epochs,
                ),
            ),
            (
                peer(
                    "loss parity, ten steps",
                    "graft",
                    "stage4_parity",
                    *on,
                    "--bank",
                    BANK,
                ),
            ),
        ),
        figures=(
            times("PyTorch loop / graft", "PyTorch loop, 2 workers", "graft, bank cold", 3),
            Figure(
                "largest difference of the loss, cached against plain, over ten steps",
                Term("loss_difference", ("loss parity, ten steps",)),
                None,
                asked=3e-3,
                at_least=False,
            ),
        ),
        notes=("graft solves a linear probe first and starts from it; that is in its seconds.",),
    )


# Asked share of the best bare engine's rate; and how many pictures, as multiples of the setting:
# a light network needs more of them until its engine is worth preparing.
PREFIXES = MappingProxyType(
    {"resnet50": (0.85, 1.0), "vgg16": (0.85, 0.5), "mobilenetv3_large_100": (0.75, 8.0)}
)
BARE_ENGINES = ("eager", "folded", "onnxruntime", "openvino")


def prefix(settings: Settings) -> Workload:
    """Pictures per second through the frozen prefix, beside engines with nothing around them."""
    warm = prepared.photo_folder(settings.data, 10, seed=3)
    groups, figures = [], []
    for backbone, (asked, multiple) in PREFIXES.items():
        images = max(20, round(settings.images * multiple))
        folder = prepared.photo_folder(settings.data, images, seed=2)
        common = ("--backbone", backbone, "--threads", settings.threads)
        folders = ("--warm", warm, "--folder", folder)
        ours = peer(f"{backbone}: graft", "graft", "graft_prefix", *common, *folders)
        steps = ("--batch", min(32, settings.images), "--images", max(32, settings.images // 2))
        bare = tuple(
            peer(f"{backbone}: bare {e}", "engines", "bare_prefix", *common, "--engine", e, *steps)
            for e in BARE_ENGINES
        )
        groups.append((replace(ours, cold=True), *bare))
        best = Term("rate", tuple(variant.name for variant in bare), "most")
        text = f"{backbone}: graft from JPEG files / best bare engine from memory"
        figures.append(Figure(text, Term("rate", (ours.name,)), best, asked))
    return Workload(
        name=f"prefix-{settings.images}",
        title=f"Frozen prefix at 224, pictures per second; graft reads {settings.images} "
        "JPEGs of ResNet50, half as many of VGG16, eight times as many of MobileNetV3",
        groups=tuple(groups),
        figures=tuple(figures),
        quantity="rate",
        notes=(
            "graft's rate holds reading, decoding, resizing and storing. Loading models and "
            "preparing engines are in nobody's.",
        ),
    )


def memory(settings: Settings) -> Workload:
    """Many small pictures through whole runs: the largest anonymous memory."""
    data = prepared.cifar(settings.data, settings.images, settings.tests)
    weights = prepared.resnet50_weights(settings.data, data, 32)
    fit = (data, "--backbone", "resnet50", "--weights", weights, "--size", 32)
    machine = ("--threads", settings.threads, "--batch-size", 64, "--augment", "none")
    dense = ("--strategy", "head", "--head", "mlp:1024", "--epochs", settings.epochs)
    runs = (
        graft_fit("graft, exact linear head", *fit, *machine, "--strategy", "linear-probe"),
        graft_fit("graft, dense head of 1024", *fit, *machine, *dense),
    )
    group = tuple(replace(run, watch_memory=True, cold=not at) for at, run in enumerate(runs))
    return Workload(
        name=f"memory-{settings.images}",
        title=f"Anonymous resident memory with {settings.images:,} + {settings.tests:,} pictures "
        "(ResNet50 at 32 x 32 frozen)",
        groups=(group,),
        figures=tuple(
            Figure(f"{run.name}: GB", Term("anonymous_gb", (run.name,)), None, 3, at_least=False)
            for run in runs
        ),
        quantity="anonymous_gb",
        notes=("Largest sum over the run's processes, sampled ten times a second.",),
    )


WORKLOADS: Mapping[str, Callable[[Settings], Workload]] = MappingProxyType(
    {
        "walkthrough": walkthrough,
        "photos": photos,
        "stage4": stage4,
        "prefix": prefix,
        "memory": memory,
    }
)


def python_of(variant: Variant) -> Path:
    """The interpreter that runs a variant."""
    return interpreter(variant.environment)


__all__ = ["BANK", "OUT", "REPOSITORY", "WORKLOADS", "Settings", "Variant", "Workload", "python_of"]
