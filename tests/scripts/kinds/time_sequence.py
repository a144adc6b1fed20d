"""Sine waves predicted by two LSTM cells in float64, trained with L-BFGS and a closure."""

import numpy as np
import torch
import torch.nn as nn
import torch.optim as optim
from start import report, start


class Sequence(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm1 = nn.LSTMCell(1, 12)
        self.lstm2 = nn.LSTMCell(12, 12)
        self.linear = nn.Linear(12, 1)

    def forward(self, input, future=0):
        outputs = []
        h_t = torch.zeros(input.size(0), 12, dtype=torch.double)
        c_t = torch.zeros(input.size(0), 12, dtype=torch.double)
        h_t2, c_t2 = torch.zeros_like(h_t), torch.zeros_like(c_t)
        for input_t in input.split(1, dim=1):
            h_t, c_t = self.lstm1(input_t, (h_t, c_t))
            h_t2, c_t2 = self.lstm2(h_t, (h_t2, c_t2))
            output = self.linear(h_t2)
            outputs += [output]
        for _ in range(future):
            h_t, c_t = self.lstm1(output, (h_t, c_t))
            h_t2, c_t2 = self.lstm2(h_t, (h_t2, c_t2))
            output = self.linear(h_t2)
            outputs += [output]
        return torch.cat(outputs, dim=1)


np.random.seed(0)
torch.manual_seed(0)
x = np.arange(30) + np.random.randint(-20, 20, 6).reshape(6, 1)
data = np.sin(x / 4.0).astype("float64")
input, target = torch.from_numpy(data[1:, :-1]), torch.from_numpy(data[1:, 1:])
seq = start(Sequence())
seq.double()
criterion = nn.MSELoss()
optimizer = optim.LBFGS(seq.parameters(), lr=0.5, max_iter=4)
losses = []
for i in range(6):

    def closure():
        optimizer.zero_grad()
        loss = criterion(seq(input), target)
        loss.backward()
        return loss

    losses.append(optimizer.step(closure).item())
    with torch.no_grad():
        pred = seq(torch.from_numpy(data[:1, :-1]), future=5)
        assert pred.shape == (1, 34)
report(losses)
