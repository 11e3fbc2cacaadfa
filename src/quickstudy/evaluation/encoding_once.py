"""Each image goes through a learner's encoder once, however many tasks it is in.

Letters: T tasks, S examples.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import blake2b
from typing import Any

import torch
from torch import Tensor, nn

from quickstudy.core import Learner

_MOST_KEPT = 2**27
"""Numbers of features that are kept at once, half a gigabyte. Beyond it, all of them are forgotten."""


@contextmanager
def encoding_once(learner: Learner) -> Iterator[None]:
    """Keep the features of each input that the learner's encoder has seen. Afterwards the encoder is as before.

    The encoder must read each input by itself, as encoders do in eval mode or while they are frozen, and its weights
    must stay as they are. What it gives in training mode and in eval mode is kept apart. A learner without an encoder
    is left alone.

    Args:
        learner: The learner.
    """
    encoder: Any = getattr(learner, "encoder", None)
    has_weights = isinstance(encoder, nn.Module) and next(encoder.parameters(), None) is not None
    if not has_weights or "forward" in vars(encoder):  # Within an outer use, that one keeps them.
        yield
        return
    by_mode = {is_training: _remembering(encoder.forward) for is_training in (False, True)}
    encoder.forward = lambda x_TS: by_mode[encoder.training](x_TS)
    try:
        yield
    finally:
        del encoder.forward


def _remembering(encode: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    kept: dict[bytes, Tensor] = {}

    def forward(x_TS: Tensor) -> Tensor:
        inputs = x_TS.flatten(0, 1)
        if not len(inputs):
            return encode(x_TS)
        numbers = inputs.cpu().contiguous().view(torch.uint8).numpy()  # As bytes, for NumPy has no bfloat16.
        names = [blake2b(each.data, digest_size=16).digest() for each in numbers]
        places = {name: place for place, name in enumerate(names) if name not in kept}
        if places:
            features = encode(inputs[list(places.values())][None])[0]
            if len(names) < len(kept) and (len(kept) + len(places)) * features[0].numel() > _MOST_KEPT:
                kept.clear()
                return forward(x_TS)
            kept.update(zip(places, features, strict=True))
        return torch.stack([kept[name] for name in names]).unflatten(0, x_TS.shape[:2])

    return forward
