"""What is done to a traced graph, one pass per file, in this order."""

from __future__ import annotations

from lucid.compiler._graph import Pass
from lucid.compiler._passes.activations import fuse_activations
from lucid.compiler._passes.attention import find_attention
from lucid.compiler._passes.batch_norm import fold_batch_norms
from lucid.compiler._passes.dead import remove_dead
from lucid.compiler._passes.differences import find_differences
from lucid.compiler._passes.formulas import find_formulas
from lucid.compiler._passes.functions import find_functions
from lucid.compiler._passes.groups import pad_groups
from lucid.compiler._passes.identity import remove_identities
from lucid.compiler._passes.lookups import find_lookups
from lucid.compiler._passes.means import find_means
from lucid.compiler._passes.norms import find_norms
from lucid.compiler._passes.products import find_linear
from lucid.compiler._passes.repeats import remove_repeats
from lucid.compiler._passes.residual import fuse_residuals
from lucid.compiler._passes.scale import fuse_scales
from lucid.compiler._passes.split import split_convolutions
from lucid.compiler._passes.transposed import split_transposed

PASSES: tuple[Pass, ...] = (
    remove_dead,
    remove_identities,
    find_differences,
    find_means,
    find_functions,
    remove_repeats,
    find_norms,
    find_formulas,
    find_lookups,
    remove_dead,
    find_linear,
    find_attention,
    fold_batch_norms,
    fuse_activations,
    split_transposed,
    split_convolutions,
    pad_groups,
    fuse_scales,
    fuse_residuals,
    fuse_activations,
    remove_dead,
)
