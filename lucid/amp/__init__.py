"""Mixed precision: products in bfloat16 or float16 beside float32 for what needs it, and loss scaling for float16."""

from lucid.amp.autocast_mode import autocast, custom_bwd, custom_fwd, is_autocast_available
from lucid.amp.grad_scaler import GradScaler

__all__ = ["GradScaler", "autocast", "custom_bwd", "custom_fwd", "is_autocast_available"]
