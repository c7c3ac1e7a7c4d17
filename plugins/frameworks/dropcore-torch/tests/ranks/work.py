"""Functions that the tests run on every rank of `processes.Ranks`."""

import itertools
import os
import signal

import torch
from dropcore_torch import Dropout, convert, distributed, functional
from torch import distributed as dist
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor, Partial, Replicate, Shard, distribute_tensor
from torch.distributed.tensor.debug import CommDebugMode
from torch.distributed.tensor.parallel import (
    ColwiseParallel,
    PrepareModuleInputOutput,
    RowwiseParallel,
    SequenceParallel,
    parallelize_module,
)
from torch.nn.parallel import DistributedDataParallel

import dropcore

DRAW = dropcore.Stream(42, path=("ranks",)).at(2**40)
MESHES = {
    1: [(1,)],
    2: [(2,), (1, 2)],
    3: [(3,)],
    4: [(4,), (2, 2)],
    8: [(8,), (2, 4), (2, 2, 2)],
}


def values(shape, seed=0, dtype=torch.float32):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)).to(dtype)


def integers(shape, seed=0):
    """Small integers: sums of their products are exact in every order."""
    return torch.randint(-4, 5, shape, generator=torch.Generator().manual_seed(seed)).float()


def meshes():
    """All meshes for this number of ranks."""
    return [init_device_mesh("cpu", shape) for shape in MESHES[dist.get_world_size()]]


# --------------------------------------------------------------------------- DTensors


def every_placement(shape, p, dtype, how):
    """For each mesh and placement: the whole y, the whole gradient, and a list of faults."""
    found = {}
    for mesh in meshes():
        if mesh.ndim + len(shape) > 5:
            continue
        kinds = [Replicate(), *(Shard(axis) for axis in range(len(shape)))]
        for placements in itertools.product(kinds, repeat=mesh.ndim):
            x = distribute_tensor(values(shape, 0, dtype), mesh, placements).requires_grad_()
            dy = distribute_tensor(values(shape, 1, dtype), mesh, placements)
            with CommDebugMode() as comm:
                y = functional.dropout(x, p, True, rng=DRAW, **how)
                y.backward(dy)
            odd = []
            if comm.get_total_counts():
                odd.append("it communicates")
            if y.placements != placements or y.shape != shape or y.stride() != x.stride():
                odd.append(f"{y.placements} {y.shape} {y.stride()}")
            found[str((tuple(mesh.shape), placements))] = [
                y.full_tensor().detach(),
                x.grad.full_tensor(),
                odd,
            ]
    return found


def partial_sums(p):
    """Dropout of a DTensor with a Partial placement, whose sum over the ranks is pending."""
    (mesh, *_) = meshes()
    x = DTensor.from_local(integers((6, 10), dist.get_rank()), mesh, [Partial()])
    x.requires_grad_()
    y = functional.dropout(x, p, True, rng=DRAW)
    y.backward(distribute_tensor(integers((6, 10), 99), mesh, [Replicate()]))
    whole = sum(integers((6, 10), rank) for rank in range(dist.get_world_size()))
    return y.full_tensor().detach(), whole, x.grad.to_local(), str(y.placements)


def of_views():
    """Dropout of a view that merges a cut axis: each rank has several parts of the merged axis."""
    (mesh, *_) = meshes()
    x = values((4, 16, 6))
    cut = distribute_tensor(x, mesh, [Shard(1)])
    flat = cut.flatten(0, 1)
    y = functional.dropout(flat, 0.5, True, rng=DRAW)
    return y.full_tensor(), str(flat.placements)


def of_what_is_still_sent():
    """Dropout of an asynchronous sum over the ranks that may be incomplete, outside of a block."""
    (mesh, *_) = meshes()
    x = DTensor.from_local(integers((6, 10), dist.get_rank()), mesh, [Partial()])
    x = x.requires_grad_().redistribute(mesh, [Replicate()], async_op=True).to_local()
    torch.manual_seed(5)
    y = Dropout(0.5, rng=2)(x)
    y.sum().backward()
    whole = sum(integers((6, 10), rank) for rank in range(dist.get_world_size()))
    torch.manual_seed(5)
    return type(x).__name__, y.detach(), Dropout(0.5, rng=2)(whole)


def second_derivatives():
    """The gradient of a cut tensor, and the gradient of that gradient."""
    (mesh, *_) = meshes()
    x = distribute_tensor(values((7, 5)), mesh, [Shard(0)]).requires_grad_()
    y = functional.dropout(x, 0.5, True, rng=DRAW)
    (dx,) = torch.autograd.grad((y * y).sum(), x, create_graph=True)
    (ddx,) = torch.autograd.grad(dx.sum(), x)
    return dx.full_tensor().detach(), ddx.full_tensor()


def modules_on_dtensors(names):
    """Outputs of modules of this package for cut tensors, in one block."""
    (mesh, *_) = meshes()
    import dropcore_torch

    found = []
    with distributed.global_mask(DRAW):
        for name in names:
            x = distribute_tensor(values((5, 6, 4, 3)), mesh, [Shard(1)])
            found.append(getattr(dropcore_torch, name)(0.5)(x).full_tensor())
            found.append(getattr(dropcore_torch, name)(0.0)(x).full_tensor())
    return found


def compiled_on_dtensors():
    """Outputs of a compiled module in a block and with a Draw, and of a module in place."""
    (mesh, *_) = meshes()
    x = distribute_tensor(values((9, 4)), mesh, [Shard(0)])
    with distributed.global_mask(DRAW):
        y = torch.compile(Dropout(0.5), backend="eager")(x)
    z = torch.compile(Dropout(0.5, rng=DRAW), backend="eager")(x)
    Dropout(0.5, inplace=True, rng=DRAW)(x)
    return y.full_tensor(), z.full_tensor(), x.full_tensor()


def installed_on_dtensors():
    """The function of PyTorch on a cut tensor, inside `dropcore_torch.installed`."""
    import dropcore_torch

    (mesh, *_) = meshes()
    with dropcore_torch.installed(), distributed.global_mask(DRAW):
        x = distribute_tensor(values((9, 4)), mesh, [Shard(0)])
        return nn.functional.dropout(x, 0.5).full_tensor()


def of_each_rank():
    """The output for a cut tensor, and the error for a replicated tensor."""
    (mesh, *_) = meshes()
    with distributed.rank_masks(DRAW):
        y = Dropout(0.5)(distribute_tensor(torch.ones(64, 16), mesh, [Shard(0)]))
        try:
            Dropout(0.5)(distribute_tensor(torch.ones(64, 16), mesh, [Replicate()]))
        except ValueError as error:
            return y.to_local(), str(error)
    return y.to_local(), ""


def uneven_from_local():
    """The error for a DTensor whose local tensors do not fit its global shape."""
    (mesh, *_) = meshes()
    local = torch.ones(9, 4)
    x = DTensor.from_local(local, mesh, [Shard(0)], shape=(8, 4), stride=(4, 1))
    try:
        functional.dropout(x, 0.5, True, rng=DRAW)
    except ValueError as error:
        return str(error)
    return ""


# ----------------------------------------------------------------------------- models

SAMPLES, WIDTH, HIDDEN = 24, 8, 48


def network(p=0.5):
    """Two layers with integer weights, with dropout after each layer."""
    model = nn.Sequential(
        nn.Linear(WIDTH, HIDDEN),
        nn.ReLU(),
        nn.Dropout(p),
        nn.Linear(HIDDEN, WIDTH, bias=False),
        nn.Dropout(p),
    )
    convert(model, rng=dropcore.Stream(7))
    with torch.no_grad():
        for number, weight in enumerate(model.parameters()):
            weight.copy_(integers(weight.shape, 10 + number))
    return model


def gradients(model):
    """The whole gradients of all parameters."""
    return [
        each.grad.full_tensor() if isinstance(each.grad, DTensor) else each.grad
        for each in model.parameters()
    ]


def alone(steps=1):
    """Outputs and gradients of some steps on one process that has all samples."""
    model, outputs = network(), []
    for step in range(steps):
        with distributed.global_mask(dropcore.Stream(1).at(step)):
            y = model(integers((SAMPLES, WIDTH), step))
            (y * integers(y.shape, 90)).sum().backward()
        outputs.append(y.detach())
    return outputs, gradients(model)


def tensor_parallel(outputs_are_local, seed=0):
    """One step in which the weights are cut by columns or by rows."""
    (mesh, *_) = meshes()
    model = network()
    cut = Shard(-1)
    plan = {"0": ColwiseParallel(use_local_output=outputs_are_local), "3": RowwiseParallel()}
    if outputs_are_local:  # the plan tells the module how its tensors are cut
        plan["2"] = PrepareModuleInputOutput(
            input_layouts=(cut,),
            desired_input_layouts=(cut,),
            output_layouts=(cut,),
            desired_output_layouts=(cut,),
            use_local_output=True,
        )
    parallelize_module(model, mesh, plan)
    with distributed.global_mask(dropcore.Stream(1).at(0)):
        y = model(integers((SAMPLES, WIDTH), seed))
        (y * integers(y.shape, 90)).sum().backward()
    return y.detach(), gradients(model)


def sequence_parallel():
    """Dropout in a module under SequenceParallel, which cuts the sequence."""
    (mesh, *_) = meshes()
    drop = parallelize_module(Dropout(0.5, rng=3), mesh, SequenceParallel(sequence_dim=1))
    with distributed.global_mask(DRAW):
        x = distribute_tensor(values((3, 17, 4)), mesh, [Shard(1)])
        return drop(x).full_tensor()


def data_parallel(wrap, steps=1):
    """Steps in which each rank has a part of the samples: its outputs, and all gradients."""
    rank, world = dist.get_rank(), dist.get_world_size()
    model, outputs = network(), []
    if wrap == "ddp":
        trained = DistributedDataParallel(model)
    else:
        for layer in (model[0], model[3]):
            fully_shard(layer, mesh=meshes()[0])
        trained = fully_shard(model, mesh=meshes()[0])
    mine = range(rank, SAMPLES, world)  # the order of DistributedSampler
    for step in range(steps):
        x = integers((SAMPLES, WIDTH), step)[list(mine)]
        with distributed.global_mask(dropcore.Stream(1).at(step), {0: (SAMPLES, mine)}):
            y = trained(x)
            weights = integers((SAMPLES, WIDTH), 90)[list(mine)]
            (y * weights * world).sum().backward()  # the wrappers divide by the number of ranks
        outputs.append(y.detach())
    return outputs, gradients(model)


def two_dimensional():
    """One step in which one axis of the mesh cuts the samples, and the other cuts the weights."""
    mesh = init_device_mesh("cpu", (2, dist.get_world_size() // 2), mesh_dim_names=("dp", "tp"))
    model = network()
    parallelize_module(
        model,
        mesh["tp"],
        {"0": ColwiseParallel(use_local_output=False), "3": RowwiseParallel()},
    )
    fully_shard(model, mesh=mesh["dp"])
    here = mesh.get_local_rank("dp") * SAMPLES // 2
    x = integers((SAMPLES, WIDTH))[here : here + SAMPLES // 2]
    with distributed.global_mask(dropcore.Stream(1).at(0), {0: (SAMPLES, here)}):
        y = model(x)
        (y * integers((SAMPLES, WIDTH), 90)[here : here + SAMPLES // 2] * 2).sum().backward()
    return here, y.detach(), gradients(model)


def rank_masks():
    """Decisions of a layer on this rank in steps 0 and 1, and in step 0 again."""
    drop, kept = Dropout(0.5, rng=1), []
    for step in (0, 1, 0):
        with distributed.rank_masks(dropcore.Stream(1).at(step)):
            kept.append(drop(torch.ones(1000)) != 0)
    return kept


def zigzag(length):
    """The two parts of a sequence on this rank, cut so that all ranks do equal causal attention."""
    rank, world = dist.get_rank(), dist.get_world_size()
    ends = [length * part // (2 * world) for part in range(2 * world + 1)]
    other = 2 * world - 1 - rank
    return [range(ends[rank], ends[rank + 1]), range(ends[other], ends[other + 1])]


def context_parallel(length):
    """y, the gradient and the places of this rank's parts of a sequence."""
    places = zigzag(length)
    mine = [place for part in places for place in part]
    x = values((3, length, 5))[:, mine].requires_grad_()
    with distributed.global_mask(DRAW, {1: (length, places)}):
        y = Dropout(0.3, rng=5)(x)
        y.backward(values((3, length, 5), 1)[:, mine])
    return y.detach(), x.grad, mine


# --------------------------------------------------------------------- ranks that stop


def another_world(store):
    """Forward in a group of all ranks; backward after half of the ranks formed a new group."""
    rank, world = dist.get_rank(), dist.get_world_size()
    x = values((SAMPLES, WIDTH))[rank::world].clone().requires_grad_()
    with distributed.global_mask(DRAW, {0: (SAMPLES, range(rank, SAMPLES, world))}):
        y = Dropout(0.5)(x)
    dist.destroy_process_group()
    if rank < world // 2:
        dist.init_process_group(
            "gloo", store=dist.FileStore(store, world // 2), rank=rank, world_size=world // 2
        )
    y.backward(values((SAMPLES, WIDTH), 1)[rank::world])
    return y.detach(), x.grad


def one_dies():
    """A step in which one rank is killed before the gradients are summed."""
    rank, world = dist.get_rank(), dist.get_world_size()
    model = DistributedDataParallel(network())
    with distributed.global_mask(DRAW, {0: (SAMPLES, range(rank, SAMPLES, world))}):
        y = model(integers((SAMPLES, WIDTH))[rank::world])
        if rank == world - 1:
            os.kill(os.getpid(), signal.SIGKILL)
        y.sum().backward()
