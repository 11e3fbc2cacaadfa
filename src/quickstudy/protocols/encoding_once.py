"""Each image goes through a learner's encoder once, however many tasks it is in.

Letters: T tasks, S examples.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from quickstudy.core import Learner

_MOST_NUMBERS = 2**12
"""Numbers of an image's features that are worth keeping. Larger ones are computed again."""


@contextmanager
def encoding_once(learner: Learner) -> Iterator[None]:
    """Keep the features of each image that the learner's encoder has seen. Afterwards the encoder is as before.

    The learner must be in eval mode, and its weights must stay as they are. A learner without an encoder is left alone.

    Args:
        learner: The learner.
    """
    encoder = getattr(learner, "encoder", None)
    if not isinstance(encoder, nn.Module) or next(encoder.parameters(), None) is None:
        yield
        return
    encoder.forward = _remembering(encoder.forward)
    try:
        yield
    finally:
        del encoder.forward


def _remembering(encode: Any) -> Any:
    kept: dict[bytes, Tensor] = {}

    def forward(x_TS: Tensor) -> Tensor:
        images = x_TS.flatten(0, 1)
        names = [each.tobytes() for each in images.cpu().numpy()]
        places = {name: place for place, name in enumerate(names) if name not in kept}
        if places:
            features: Tensor = encode(images[list(places.values())][None])[0]
            if features[0].numel() > _MOST_NUMBERS:
                whole: Tensor = encode(x_TS)
                return whole
            kept.update(zip(places, features, strict=True))
        return torch.stack([kept[name] for name in names]).unflatten(0, x_TS.shape[:2])

    return forward
