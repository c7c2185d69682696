"""Attention rollout: from which patches the tokens that the head reads get what they know."""

from math import isqrt

import numpy as np

from bakeoff.core.section import Section
from bakeoff.interpret.subject import Subject
from bakeoff.interpret.upsample import upsampled

TITLE = "Attention rollout (unsigned)"
Settings = Section


def attribute(subject: Subject, images: np.ndarray, targets: np.ndarray, settings: Settings) -> np.ndarray:
    """Return the share of each patch in what the head reads, be it the class token or all, (N, H, W) float32.

    The same for every class: attention tells where a network looks, not what speaks for the target. Half of each
    block's attention is the identity, for its skip connection; heads are averaged. The patches are the largest square
    number of tokens; those before them (class token, registers) are the prefix. The paper reads the class token alone;
    here every token counts by the norm of the features' gradient by it.

    Source:
        Abnar, Zuidema: Quantifying Attention Flow in Transformers, ACL 2020, sect. 3,
        doi:10.18653/v1/2020.acl-main.385.
    """
    blocks, read = subject.attention(images)
    n_tokens = blocks.shape[-1]
    rollout = np.eye(n_tokens, dtype=np.float32)
    for attention in blocks.swapaxes(0, 1):
        mixed = attention + np.eye(n_tokens, dtype=np.float32)
        rollout = mixed / mixed.sum(axis=2, keepdims=True) @ rollout
    side = isqrt(n_tokens)
    n_prefix = n_tokens - side**2
    shares = np.einsum("nt,ntp->np", read, rollout)
    return upsampled(shares[:, n_prefix:].reshape(-1, side, side), subject.image_size)
