import numpy as np

dtype: np.dtype
bfloat16: type
