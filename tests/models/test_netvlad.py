"""NetVLAD against its formula in plain loops, and its start from k-means against the paper's rule."""

import math

import pytest
import torch

from gsv_pipeline.errors import ConfigError, DataError
from gsv_pipeline.models.aggregators import AGGREGATORS
from gsv_pipeline.models.aggregators.kmeans import kmeans, squared_distances
from gsv_pipeline.models.aggregators.netvlad import NetVLAD, sample_cells


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def groups(*, clusters=3, each=40, channels=6, noise=0.05):
    """Points around directions that lie far apart, group by group."""
    directions = torch.eye(channels)[:clusters]
    return directions.repeat_interleave(each, 0) + noise * torch.randn(clusters * each, channels, generator=generator())


@pytest.mark.parametrize("normalise_input", [True, False])
def test_the_descriptor_follows_the_paper_term_by_term(normalise_input):
    netvlad = NetVLAD(5, clusters=3, normalise_input=normalise_input)
    features = torch.randn(2, 5, 2, 4, generator=generator())
    with torch.no_grad():
        found = netvlad(features)
        for image, row in zip(features, found, strict=True):
            cells = image.flatten(1).T
            cells = torch.stack([x / x.norm() for x in cells]) if normalise_input else cells
            vlad = torch.zeros(3, 5)
            for x in cells:
                logits = netvlad.conv.weight[:, :, 0, 0] @ x + netvlad.conv.bias
                shares = logits.exp() / logits.exp().sum()
                for k in range(3):
                    vlad[k] += shares[k] * (x - netvlad.centroids[k])
            vlad = torch.stack([residual / residual.norm() for residual in vlad]).flatten()
            torch.testing.assert_close(row, vlad / vlad.norm(), atol=1e-5, rtol=0)


def test_sizes_follow_from_clusters_and_channels():
    # Definition (eq. 4): w [K, C], b [K] and c [K, C]; 64 clusters of VGG-16's 512 channels give 32,768 numbers.
    netvlad = NetVLAD(512)
    assert netvlad.out_dim == 32_768
    assert sum(value.numel() for value in netvlad.parameters()) == 2 * 64 * 512 + 64


def test_clusters_start_at_the_groups_of_the_sample():
    netvlad = NetVLAD(6, clusters=3)
    netvlad.initialise(groups(), seed=1)
    centres = netvlad.centroids.detach()
    assert sorted(centres.argmax(1).tolist()) == [0, 1, 2]
    torch.testing.assert_close(centres.max(1).values, torch.ones(3), atol=0.05, rtol=0)


def test_the_largest_assignment_starts_a_hundred_times_the_second_on_average():
    sample = torch.randn(500, 6, generator=generator())
    netvlad = NetVLAD(6, clusters=8)
    netvlad.initialise(sample, seed=1)
    with torch.no_grad():
        cells = torch.nn.functional.normalize(sample, dim=1)
        shares = netvlad.conv(cells[:, :, None, None])[:, :, 0, 0].softmax(1)
        largest, second = shares.double().topk(2, dim=1).values.unbind(1)
        distances = squared_distances(cells, netvlad.centroids)
    assert float((largest.log() - second.log()).mean()) == pytest.approx(math.log(100), rel=1e-3)
    # The softmax of the convolution is the softmax of distances: its order is theirs.
    assert torch.equal(shares.argmax(1), distances.argmin(1))


def test_the_same_sample_and_seed_give_the_same_start_whatever_was_there_before():
    first, again, other = NetVLAD(6, clusters=4), NetVLAD(6, clusters=4), NetVLAD(6, clusters=4)
    sample = torch.randn(300, 6, generator=generator())
    state = torch.get_rng_state()
    first.initialise(sample, seed=3)
    assert torch.equal(torch.get_rng_state(), state)
    with torch.autocast("cpu", dtype=torch.bfloat16):  # has no say in it
        again.initialise(sample, seed=3)
    other.initialise(sample, seed=4)
    assert all(torch.equal(first.state_dict()[name], value) for name, value in again.state_dict().items())
    assert not torch.equal(first.centroids, other.centroids)
    assert all(value.requires_grad for value in first.parameters())


@pytest.mark.parametrize(
    ("sample", "message"),
    [
        (torch.zeros(3, 6), r"at least 4 local descriptors of 6 numbers; found \[3, 6\]"),
        (torch.zeros(9, 5), r"found \[9, 5\]"),
        (torch.full((9, 6), math.nan), "NaN or infinity"),
        (torch.eye(6)[:3].repeat(4, 1), "hold only 3 different ones, and 4 clusters need as many"),
    ],
)
def test_a_sample_that_cannot_start_anything_is_refused_and_changes_nothing(sample, message):
    netvlad = NetVLAD(6, clusters=4)
    before = {name: value.clone() for name, value in netvlad.state_dict().items()}
    with pytest.raises(DataError, match=message):
        netvlad.initialise(sample, seed=0)
    assert all(torch.equal(before[name], value) for name, value in netvlad.state_dict().items())


def test_k_means_ends_where_no_point_is_nearer_to_another_centre_and_centres_are_means():
    points = groups(clusters=4, noise=0.3)
    centres = kmeans(points, 4, seed=0)
    nearest = torch.tensor([min(range(4), key=lambda k, x=x: float((x - centres[k]).square().sum())) for x in points])
    for k in range(4):
        torch.testing.assert_close(centres[k], points[nearest == k].mean(0), atol=1e-5, rtol=0)


def test_k_means_of_as_many_points_as_clusters_returns_the_points():
    points = torch.tensor([[0.0, 0.0], [0.0, 1.0], [5.0, 5.0]])
    assert sorted(kmeans(points, 3, seed=0).tolist()) == points.tolist()


def test_k_means_ends_after_its_last_step_wherever_it_is(monkeypatch):
    points = torch.randn(400, 4, generator=generator())
    settled = kmeans(points, 8, seed=0)
    monkeypatch.setattr("gsv_pipeline.models.aggregators.kmeans.MAX_STEPS", 1)
    assert not torch.equal(kmeans(points, 8, seed=0), settled)


def test_k_means_beats_random_centres():
    points = torch.randn(400, 4, generator=generator())
    random = points[torch.randperm(400, generator=generator(1))[:8]]
    costs = [
        float(squared_distances(points, centres).min(1).values.mean())
        for centres in (kmeans(points, 8, seed=0), random)
    ]
    assert costs[0] < 0.8 * costs[1]


def test_sampled_cells_are_cells_of_their_image_without_repetition():
    features = torch.arange(2 * 3 * 4 * 5.0).view(2, 3, 4, 5)
    cells = sample_cells(features, per_image=7, generator=generator())
    assert cells.shape == (14, 3)
    for image, drawn in zip(features, cells.view(2, 7, 3), strict=True):
        own = {tuple(cell) for cell in image.flatten(1).T.tolist()}
        assert len({tuple(cell) for cell in drawn.tolist()} & own) == 7
    assert len(sample_cells(features, per_image=99, generator=generator())) == 2 * 20


def test_mixed_precision_does_not_eat_small_residuals():
    netvlad = NetVLAD(64, clusters=4)
    # All cells close to one point, as in a sky: the sums are large and their difference is small.
    features = torch.randn(1, 64, 1, 1, generator=generator()) + 0.01 * torch.randn(2, 64, 9, 9, generator=generator(1))
    netvlad.initialise(features.transpose(0, 1).flatten(1).T, seed=0)
    with torch.no_grad():
        exact = netvlad(features)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            mixed = netvlad(features)
    assert torch.equal(exact, mixed)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [({"clusters": 1}, "'clusters' is 1; expected a whole number of 2"), ({"normalise_input": 1}, "'normalise_input'")],
)
def test_values_out_of_range_are_refused(arguments, named):
    with pytest.raises(ConfigError, match=named):
        AGGREGATORS.build("netvlad", in_channels=8, **arguments)
