"""What torch does underneath: operators that make the host wait for a device, and memory allocated for tensors."""

from typing import Any, Final

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

_WAIT: Final = {"_local_scalar_dense", "nonzero", "nonzero_numpy", "masked_select", "equal", "is_nonzero", "_unique2"}
_INDEX: Final = {"index", "index_put", "index_put_", "_index_put_impl_"}
_LOGICAL: Final = (torch.bool, torch.uint8)


class Dispatched(TorchDispatchMode):
    """Counts, while it is entered; on a CPU too, where nothing waits but the same operators run.

    The backward pass counts as well: on a CPU it runs in the thread that asks for it. Not seen is what a kernel
    allocates for itself, and copies to another device (a CPU has none).
    """

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[str] = []
        self.num_operators = 0
        self.allocated_bytes = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        name = func.overloadpacket.__name__
        given = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        # By its second argument: a boolean tensor may well be read or written at numbers.
        by_truth = name in _INDEX and any(leaf.dtype in _LOGICAL for leaf in tree_leaves(args[1]) if leaf is not None)
        self.waits += [name] if name in _WAIT or by_truth else []
        self.num_operators += 1
        self._allocated(given, [leaf for leaf in tree_leaves(result) if isinstance(leaf, Tensor)])
        return result

    def _allocated(self, given: list[Tensor], made: list[Tensor]) -> None:
        """Storages that an operator returns and was not given are new."""
        known = {leaf.untyped_storage()._cdata for leaf in given}
        new = {leaf.untyped_storage()._cdata: leaf.untyped_storage().nbytes() for leaf in made}
        self.allocated_bytes += sum(size for storage, size in new.items() if storage not in known)
