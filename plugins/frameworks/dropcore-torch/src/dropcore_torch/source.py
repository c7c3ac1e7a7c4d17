"""The source of a layer's draws: the layer's key, and PyTorch's generator.

`rng` determines only the key. The draw index is one int64 of ``torch.randint``, taken outside the
operators. So ``torch.manual_seed`` and ``torch.random.fork_rng`` work as usual, and code that
resets PyTorch's generator and computes again, as checkpointing does, gets the same mask.
Checkpointing would not reset a position that this package kept.

A compiler stores the values of Python objects as constants in its graph, and recognises an object
by its id, which a later object may have too. So compiled code takes key and index as tensors, which
are inputs of its graph: 32 bytes of the key, and an integer of 64 bits.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor
from torch.fx.experimental.symbolic_shapes import guard_scalar

import dropcore
from dropcore_torch.private import PLAIN, in_transform, modes, tracing_state, without_modes

RNG: TypeAlias = dropcore.RNGLike | Tensor

LIMIT = 2**63 - 1
CPU = torch.device("cpu")  # also if the default device is another

# Used in each call; these names save attribute look-ups.
is_compiling = torch.compiler.is_compiling
is_dynamo_compiling = torch.compiler.is_dynamo_compiling


class Source:
    """The key of draws, and the index if it is fixed. Immutable.

    Attributes
    ----------
    key : str
        64 hex digits.
    index : int or None
        The int64 with the same bits as the uint64 index.
    """

    __slots__ = ("_tensors", "index", "key")

    def __init__(self, draw: dropcore.Draw, with_index: bool, of_layer: bool = False) -> None:
        self.key: str = draw.key.hex()
        self.index: int | None = _signed(draw.index) if with_index else None
        # The tensors of a layer are made before compilation, outside any mode.
        self._tensors: tuple[Tensor, Tensor | None] | None = None
        if of_layer:
            with without_modes():
                words = torch.from_numpy(draw.key_and_index.view(np.int64))
                self._tensors = words[:4].clone(), words[4].clone() if with_index else None

    def draw_index(self) -> Tensor:
        """The index of the next draw, an int64 tensor without dimensions."""
        if self.index is None:
            return torch.randint(LIMIT, (), device=CPU)
        return torch.tensor(self.index, device=CPU)

    def draw(self) -> dropcore.Draw:
        """The next draw."""
        return dropcore.Draw.parse(f"dc1:{self.key}:{int(self.draw_index()) % 2**64}")

    def tensors(self) -> tuple[Tensor, Tensor]:
        """Key and index of the next draw."""
        if is_dynamo_compiling():  # they become inputs of its graph
            key, index = self._tensors
            return key, torch.randint(LIMIT, (), device=CPU) if index is None else index
        # Other tracers make constants of tensors, and refuse some existing tensors.
        words = struct.unpack("<4q", bytes.fromhex(self.key))
        return torch.tensor(words, device=CPU), self.draw_index()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Source) and (self.key, self.index) == (other.key, other.index)

    def __hash__(self) -> int:
        return hash((self.key, self.index))

    def __repr__(self) -> str:
        return f"Source(key={self.key!r}, index={self.index})"

    def __copy__(self) -> Source:
        return self

    def __deepcopy__(self, _: Any) -> Source:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        index = 0 if self.index is None else self.index % 2**64
        draw = dropcore.Draw.parse(f"dc1:{self.key}:{index}")
        return Source, (draw, self.index is not None, self._tensors is not None)


@dataclass(frozen=True)
class Traced:
    """A source in a graph: the key is a tensor, and a fixed index is a tensor too."""

    key: Tensor
    index: Tensor | None

    def draw_index(self) -> Tensor:
        """The same as in `Source`."""
        return torch.randint(LIMIT, (), device=CPU) if self.index is None else self.index

    def tensors(self) -> tuple[Tensor, Tensor]:
        """The same as in `Source`."""
        return self.key, self.draw_index()


def outside_of_graph(source: Source | Traced) -> Source:
    """The same source, for code outside of compilers, where tensors can be read."""
    if isinstance(source, Source):
        return source
    index = torch.zeros((), dtype=torch.int64) if source.index is None else source.index
    return Source(draw_at(source.key, index), source.index is not None)


def take(source: Source | Traced) -> None:
    """Take the next draw of a source without using it, so that each call takes one draw."""
    if is_dynamo_compiling() and in_transform():
        return  # a compiler cannot trace an exception
    try:  # noqa: SIM105, because a compiler cannot trace `suppress` either
        source.draw_index()
    except RuntimeError:  # a vmap that refuses randomness, in which no other call takes a draw
        pass


def _signed(word: int) -> int:
    return word - 2**64 if word >= 2**63 else word


def draw_at(key: Tensor, index: Tensor) -> dropcore.Draw:
    """The draw of a key at an index."""
    words = np.empty(5, np.uint64)
    words.view(np.int64)[:4] = key.view(torch.int64).numpy()
    words.view(np.int64)[4] = index.view(torch.int64).item()
    return dropcore.Draw.from_key_and_index(words)


# ------------------------------------------------------------ the rng argument

RNGS = (
    "None, a Stream, a Draw, an integer >= 0, a SeedSequence, or for a module a Generator or a "
    "BitGenerator, for a function a tensor that `draw_as_tensor` or `draw_of_seed` made"
)

# One key for all layers: then PyTorch's seed alone determines the masks.
DEFAULT = Source(dropcore.Stream(0, path=("dropcore-torch",)).at(0), False, of_layer=True)


def stream_of(rng: RNG) -> dropcore.Stream:
    """The stream for `rng`; for a generator, a new stream."""
    if isinstance(rng, np.random.BitGenerator):
        rng = np.random.Generator(rng)
    if isinstance(rng, np.random.Generator):
        return dropcore.Stream(rng.bytes(32))
    if isinstance(rng, dropcore.Stream):
        return rng
    if isinstance(rng, int | np.integer | np.random.SeedSequence) and not isinstance(rng, bool):
        return dropcore.Stream(rng)
    if isinstance(rng, np.random.RandomState):
        raise TypeError(
            f"rng must be {RNGS}, not a RandomState: pass dropcore.Stream(rng.bytes(32)), made once"
        )
    raise TypeError(f"rng must be {RNGS}, not {rng!r}")


def source_of_layer(rng: RNG) -> Source | Traced:
    """The source for `rng`, made once for all calls of a layer."""
    if is_dynamo_compiling():  # a layer that is made in a graph
        return source_in_graph(rng)
    if rng is None:
        return DEFAULT
    if isinstance(rng, dropcore.Draw):
        return Source(rng, True, of_layer=True)
    return Source(stream_of(rng).at(0), False, of_layer=True)


def source_of(rng: RNG) -> Source | Traced:
    """The source for `rng`, for one call; equal arguments give equal sources."""
    if is_dynamo_compiling():
        return source_in_graph(rng)
    if rng is None:
        return DEFAULT
    if isinstance(rng, dropcore.Draw):
        return Source(rng, True)
    if isinstance(rng, Tensor):
        key, index = _key_and_index(rng)
        seen = type(rng) not in PLAIN or modes() or tracing_state() is not None or in_transform()
        return Traced(key, index) if seen else Source(draw_at(key, index), True)
    if isinstance(rng, np.random.Generator | np.random.BitGenerator):
        raise TypeError(
            f"rng must not be a {type(rng).__name__} for a function: when a checkpoint computes "
            "again, it gives another key. Build a module with it, or pass dropcore.Stream(seed)"
        )
    return Source(stream_of(rng).at(0), False)


# ---------------------------------------------------------------- draws as tensors


def draw_as_tensor(draw: dropcore.Draw) -> Tensor:
    """A draw as a tensor, for `rng` in code that is compiled, exported or traced.

    In such code the tensor is an input, so the graph does not depend on the draw. A
    compiled function also accepts a Draw itself.

    Parameters
    ----------
    draw : dropcore.Draw

    Returns
    -------
    torch.Tensor
        int64, of shape (5,): the bits of `dropcore.Draw.key_and_index`.

    Examples
    --------
    >>> import torch, dropcore
    >>> from dropcore_torch.functional import dropout, draw_as_tensor
    >>> x, draw = torch.ones(64), dropcore.Stream(42).at(0)
    >>> y = dropout(x, 0.5, True, rng=draw_as_tensor(draw))
    >>> torch.equal(y, dropout(x, 0.5, True, rng=draw))
    True
    """
    if not isinstance(draw, dropcore.Draw):
        raise TypeError(f"draw must be a Draw, not {draw!r}")
    return torch.from_numpy(draw.key_and_index.view(np.int64))


@torch.library.custom_op("dropcore::draw_of_seed", mutates_args=(), device_types="cpu")
def draw_of_seed(seed: Tensor) -> Tensor:
    """The first draw of the stream with the given seed, in the form of `draw_as_tensor`.

    The function is an operator, so a compiled function can compute its draw from a seed that is an
    input.

    Parameters
    ----------
    seed : torch.Tensor
        Integers. A tensor without dimensions is the seed of ``dropcore.Stream(int(seed))``. A
        tensor of one dimension has 32-bit words, whose little-endian bytes are the seed.

    Returns
    -------
    torch.Tensor
        int64, of shape (5,); the last element is 0.

    Raises
    ------
    TypeError, ValueError
        If `seed` is not a tensor as above, or is a negative integer.

    Examples
    --------
    >>> import torch, dropcore
    >>> from dropcore_torch.functional import draw_as_tensor, draw_of_seed
    >>> torch.equal(draw_of_seed(torch.tensor(7)), draw_as_tensor(dropcore.Stream(7).at(0)))
    True
    """
    if seed.is_floating_point() or seed.is_complex() or seed.dtype is torch.bool:
        raise TypeError(f"seed must be of integers, not {seed.dtype}")
    if seed.dim() > 1:
        raise ValueError(f"seed must be of no dimension or one, not of shape {tuple(seed.shape)}")
    numbers = seed.tolist()
    if isinstance(numbers, list):
        numbers = b"".join((word % 2**32).to_bytes(4, "little") for word in numbers)
    return draw_as_tensor(dropcore.Stream(numbers).at(0))


@draw_of_seed.register_fake
def _(seed: Tensor) -> Tensor:
    return torch.empty(5, dtype=torch.int64, device=seed.device)


def _key_and_index(draw: Tensor) -> tuple[Tensor, Tensor]:
    if draw.dtype not in (torch.int64, torch.uint64) or draw.shape != (5,) or not draw.is_cpu:
        raise TypeError(
            "rng must be a tensor of five int64 on the CPU, as `draw_as_tensor` and "
            f"`draw_of_seed` make it, not {draw.dtype} of shape {tuple(draw.shape)}"
        )
    return draw[:4], draw[4]


def is_input_of_graph(rng: RNG) -> bool:
    """Whether `source_in_graph` can make `rng` an input of the graph."""
    # A compiler treats NumPy's integers as arrays.
    return rng is None or isinstance(
        rng, dropcore.Draw | dropcore.Stream | Tensor | int | np.ndarray
    )


def source_in_graph(rng: RNG) -> Source | Traced:
    """The source for `rng`, in a function that is being compiled."""
    if rng is None:
        return DEFAULT
    if isinstance(rng, Tensor):
        return Traced(*_key_and_index(rng))
    if isinstance(rng, dropcore.Draw | dropcore.Stream):
        words = _words_in_graph(rng)
        return Traced(words[:4], words[4] if isinstance(rng, dropcore.Draw) else None)
    if isinstance(rng, bool):
        raise TypeError(f"rng must be {RNGS}, not {rng!r}")
    if isinstance(rng, int):
        if not -(2**63) <= rng < 2**63:  # a compiler never makes an input of such an integer
            return _source_of_constant(guard_scalar(rng))
        seed = torch.full((), rng, dtype=torch.int64, device=CPU)
    else:
        seed = torch.as_tensor(rng)
    return Traced(draw_of_seed(seed)[:4], None)


def _words_in_graph(rng: dropcore.Draw | dropcore.Stream) -> Tensor:
    if not in_transform():
        return torch.from_numpy(
            rng.key_and_index
        )  # an array attribute of an object: it becomes an input
    # A new array is a constant for the compiler, so each value gets its own graph.
    if isinstance(rng, dropcore.Draw):
        return torch.tensor(_words_of_draw(rng.key, guard_scalar(rng.index)), device=CPU)
    return torch.tensor(_words_of_stream(rng.seed, rng.path), device=CPU)


@torch.compiler.assume_constant_result
def _words_of_draw(key: bytes, index: int) -> tuple[int, ...]:
    return _words_of(dropcore.Draw.parse(f"dc1:{key.hex()}:{index}"))


@torch.compiler.assume_constant_result
def _words_of_stream(seed: int | bytes, path: tuple[str | int, ...]) -> tuple[int, ...]:
    return _words_of(dropcore.Stream(seed, path=path).at(0))


def _words_of(draw: dropcore.Draw) -> tuple[int, ...]:
    return tuple(draw.key_and_index.view(np.int64).tolist())


@torch.compiler.assume_constant_result
def _source_of_constant(seed: int) -> Source:
    return Source(dropcore.Stream(seed).at(0), False, of_layer=True)
