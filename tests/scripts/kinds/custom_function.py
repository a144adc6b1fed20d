"""Functions with their own backward passes: a cubic polynomial, a straight-through sign, a fused linear layer."""

import torch
from start import report, start
from torch import nn
from torch.autograd import Function, gradcheck
from torch.autograd.function import once_differentiable


class LegendrePolynomial3(Function):
    @staticmethod
    def forward(ctx, input):
        ctx.save_for_backward(input)
        return 0.5 * (5 * input**3 - 3 * input)

    @staticmethod
    def backward(ctx, grad_output):
        (input,) = ctx.saved_tensors
        return grad_output * 1.5 * (5 * input**2 - 1)


class Sign(Function):
    @staticmethod
    def forward(ctx, x, width):
        ctx.width = width
        ctx.save_for_backward(x)
        return x.sign()

    @staticmethod
    @once_differentiable
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        return grad * (x.abs() <= ctx.width).to(grad.dtype), None


class LinearFunction(Function):
    @staticmethod
    def forward(ctx, input, weight, bias=None):
        ctx.save_for_backward(input, weight, bias)
        output = input.mm(weight.t())
        if bias is not None:
            output += bias.unsqueeze(0).expand_as(output)
        return output

    @staticmethod
    def backward(ctx, grad_output):
        input, weight, bias = ctx.saved_tensors
        grad_input = grad_weight = grad_bias = None
        if ctx.needs_input_grad[0]:
            grad_input = grad_output.mm(weight)
        if ctx.needs_input_grad[1]:
            grad_weight = grad_output.t().mm(input)
        if bias is not None and ctx.needs_input_grad[2]:
            grad_bias = grad_output.sum(0)
        return grad_input, grad_weight, grad_bias


linear = start(nn.Linear(4, 8))
head = start(nn.Linear(8, 1))
generator = torch.Generator().manual_seed(0)
sample = torch.randn(5, 4, dtype=torch.double, generator=generator, requires_grad=True)
assert gradcheck(LegendrePolynomial3.apply, (sample,))
assert gradcheck(LinearFunction.apply, (sample, linear.weight.double(), None))
x = torch.linspace(-1, 1, 40).reshape(10, 4)
target = (x.sum(1, keepdim=True) > 0).float()
optimizer = torch.optim.Adagrad([*linear.parameters(), *head.parameters()], lr=0.1)
losses = []
for step in range(25):
    hidden = Sign.apply(LinearFunction.apply(x, linear.weight, linear.bias), 1.5)
    y = LegendrePolynomial3.apply(torch.tanh(head(hidden)))
    loss = nn.functional.mse_loss(y, target)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
report(losses)
