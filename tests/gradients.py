"""Loss and gradient of every method, by one process or by several; imports little, for it is started anew."""

from __future__ import annotations

import os
from pathlib import Path

import torch
import torch.distributed as dist
from tiny import tiny
from torch import Tensor

from simsiam_core.model.sync_batch_norm import synchronise_batch_norms
from simsiam_core.training.methods import listed
from simsiam_core.training.objective import Objective
from simsiam_core.training.ranks import Ranks
from simsiam_core.training.step import Views

COUNT = 20  # images of the whole batch
GREY = (0.5,) * 3, (0.25,) * 3


def gradients(index: int = 0, count: int = 1, place: Path | None = None) -> dict[str, tuple[Tensor, Tensor]]:
    """By method, in float64 as far as it goes, with the mean over processes that DDP takes."""
    torch.set_num_threads(1)
    ranks, found = Ranks(index, count), {}
    if place:
        os.environ["GLOO_SOCKET_IFNAME"] = "lo"
        dist.init_process_group("gloo", init_method=place.as_uri(), rank=index, world_size=count)
    images = torch.randint(0, 256, (COUNT, 3, 16, 16), generator=torch.Generator().manual_seed(1)).byte()
    for method in listed():
        config = tiny(objective={"method": method, "rotation_crop": 8})
        objective = Objective(config, *GREY, ranks)
        torch.manual_seed(0)
        network = objective.network().double()
        if count > 1:
            synchronise_batch_norms(network, cuda=False)
        assert all(p.requires_grad for p in network.trained_parameters().values())
        assert sum(p.requires_grad for p in network.parameters()) == len(network.trained_parameters())
        made = objective.views(images[ranks.shard(COUNT)], torch.Generator().manual_seed(0))
        crops = None if made.crops is None else made.crops.double()
        loss = objective.losses(network, Views(tuple(view.double() for view in made.views), crops)).total
        loss.backward()
        gradient = torch.cat([p.grad.flatten() for p in network.parameters() if p.grad is not None])
        found[method] = ranks.mean(loss.detach()), ranks.mean(gradient)
    if place:
        dist.destroy_process_group()
    return found
