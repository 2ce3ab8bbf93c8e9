from __future__ import annotations

import pytest
import torch
from torch import Generator, Tensor

from graft.data.augment import augmentation, light, standard
from graft.errors import UnknownNameError


def generator(seed: int = 0) -> Generator:
    return torch.Generator().manual_seed(seed)


def blob(count: int, height: int = 32, width: int = 32) -> Tensor:
    """A bright square in the middle of a dark ground."""
    pixels = torch.zeros(count, 3, height, width, dtype=torch.uint8)
    pixels[:, :, height // 4 : -(height // 4), width // 4 : -(width // 4)] = 200
    return pixels


@pytest.mark.parametrize("change", [light, standard])
@pytest.mark.parametrize("shape", [(4, 3, 16, 16), (2, 1, 9, 14), (1, 3, 5, 31)])
def test_shape_type_and_input_stay(change: object, shape: tuple[int, ...]) -> None:
    assert callable(change)
    pixels = torch.randint(0, 256, shape, dtype=torch.uint8)
    before = pixels.clone()
    changed = change(pixels, generator())
    assert changed.shape == pixels.shape
    assert changed.dtype == torch.uint8
    assert torch.equal(pixels, before)


@pytest.mark.parametrize("change", [light, standard])
def test_the_generator_decides(change: object) -> None:
    assert callable(change)
    pixels = blob(8)
    assert torch.equal(change(pixels, generator(1)), change(pixels, generator(1)))
    assert not torch.equal(change(pixels, generator(1)), change(pixels, generator(2)))


def test_each_picture_is_changed_in_its_own_way() -> None:
    changed = light(blob(16), generator())
    assert len({one.numpy().tobytes() for one in changed}) == 16


def test_beyond_the_edge_the_edge_is_repeated() -> None:
    flat = torch.full((32, 3, 16, 16), 123, dtype=torch.uint8)
    assert bool((light(flat, generator()) == 123).all())


@pytest.mark.parametrize(("height", "width"), [(64, 64), (96, 48), (48, 96)])
def test_light_moves_turns_and_scales_within_its_bounds(height: int, width: int) -> None:
    pixels = blob(400, height, width)
    mass = (light(pixels, generator())[:, 0] > 100).float()
    area = mass.sum(dim=(1, 2)) / float((pixels[0, 0] > 100).sum())
    assert 0.85**2 - 0.06 < float(area.min()) < 0.85
    assert 1.15 < float(area.max()) < 1.15**2 + 0.06
    rows, columns = torch.arange(height) + 0.5, torch.arange(width) + 0.5
    down = (mass.sum(2) * rows).sum(1) / mass.sum((1, 2)) / height - 0.5
    right = (mass.sum(1) * columns).sum(1) / mass.sum((1, 2)) / width - 0.5
    # A shift before the turn is scaled and turned with the picture.
    for shift in (down, right):
        assert 0.07 < float(shift.abs().max()) < 0.1 * 1.15 * 1.35
        assert abs(float(shift.mean())) < 0.01


def test_a_turn_keeps_right_angles_in_oblong_pictures() -> None:
    """The area of a turned square would shrink or grow if the aspect were not heeded."""
    pixels = torch.zeros(200, 1, 40, 120, dtype=torch.uint8)
    pixels[:, :, 10:30, 50:70] = 255
    mass = light(pixels, generator())[:, 0].float() / 255
    columns, rows = torch.arange(120.0), torch.arange(40.0)
    weight = mass.sum((1, 2))
    x, y = (mass.sum(1) * columns).sum(1) / weight, (mass.sum(2) * rows).sum(1) / weight
    spread_x = (mass.sum(1) * (columns - x[:, None]) ** 2).sum(1) / weight
    spread_y = (mass.sum(2) * (rows - y[:, None]) ** 2).sum(1) / weight
    assert torch.allclose(spread_x, spread_y, rtol=0.03)


def test_standard_mirrors_about_half_of_the_pictures() -> None:
    pixels = torch.zeros(400, 3, 16, 16, dtype=torch.uint8)
    pixels[:, :, :, 11:] = 200
    changed = standard(pixels, generator()).float()
    left_bright = changed[..., :4].mean(dim=(1, 2, 3)) > changed[..., -4:].mean(dim=(1, 2, 3))
    assert 150 < int(left_bright.sum()) < 250


def test_light_never_mirrors() -> None:
    pixels = torch.zeros(400, 3, 16, 16, dtype=torch.uint8)
    pixels[:, :, :, 11:] = 200
    changed = light(pixels, generator()).float()
    assert bool((changed[..., -4:].mean((1, 2, 3)) > changed[..., :4].mean((1, 2, 3))).all())


def test_colours_change_by_a_fifth_at_most() -> None:
    grey = torch.full((300, 3, 8, 8), 100, dtype=torch.uint8)
    changed = standard(grey, generator()).float()
    assert 79 <= float(changed.min()) < 85
    assert 115 < float(changed.max()) <= 121


def test_none_is_none_and_unknown_names_are_answered() -> None:
    assert augmentation("none") is None
    assert augmentation("light") is light
    with pytest.raises(UnknownNameError, match="light, none, randaugment, standard"):
        augmentation("ligth")


def test_randaugment_draws_from_its_generator_and_leaves_the_global_state() -> None:
    pixels = torch.randint(0, 256, (6, 3, 16, 16), dtype=torch.uint8)
    change = augmentation("randaugment")
    assert change is not None
    before = torch.random.get_rng_state()
    found = [change(pixels, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)]
    assert torch.equal(torch.random.get_rng_state(), before)
    assert found[0].dtype == torch.uint8
    assert found[0].shape == pixels.shape
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2])
