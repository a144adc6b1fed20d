"""Tools for parameters and trained models."""

from lucid.nn.utils import rnn as rnn
from lucid.nn.utils.clip import clip_grad_norm_ as clip_grad_norm_
from lucid.nn.utils.clip import clip_grad_value_ as clip_grad_value_
from lucid.nn.utils.clip import clip_grads_with_norm_ as clip_grads_with_norm_
from lucid.nn.utils.clip import get_total_norm as get_total_norm
from lucid.nn.utils.clip import grad_norm as grad_norm
from lucid.nn.utils.convert import parameters_to_vector as parameters_to_vector
from lucid.nn.utils.convert import vector_to_parameters as vector_to_parameters
from lucid.nn.utils.fusion import fuse_conv_bn_eval as fuse_conv_bn_eval
from lucid.nn.utils.fusion import fuse_linear_bn_eval as fuse_linear_bn_eval
