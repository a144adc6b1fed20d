"""A graph convolutional network over a dense adjacency matrix, trained on a few labelled nodes."""

import math

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from start import report, start
from torch.nn.parameter import Parameter


class GraphConvolution(nn.Module):
    def __init__(self, in_features, out_features, bias=True):
        super().__init__()
        self.in_features, self.out_features = in_features, out_features
        self.weight = Parameter(torch.FloatTensor(in_features, out_features))
        if bias:
            self.bias = Parameter(torch.FloatTensor(out_features))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def reset_parameters(self):
        stdv = 1.0 / math.sqrt(self.weight.size(1))
        self.weight.data.uniform_(-stdv, stdv)
        if self.bias is not None:
            self.bias.data.uniform_(-stdv, stdv)

    def forward(self, input, adj):
        output = torch.mm(adj, torch.mm(input, self.weight))
        return output + self.bias if self.bias is not None else output

    def __repr__(self):
        return f"{self.__class__.__name__} ({self.in_features} -> {self.out_features})"


class GCN(nn.Module):
    def __init__(self, nfeat, nhid, nclass):
        super().__init__()
        self.gc1, self.gc2 = GraphConvolution(nfeat, nhid), GraphConvolution(nhid, nclass)

    def forward(self, x, adj):
        x = F.dropout(F.relu(self.gc1(x, adj)), 0.0, training=self.training)
        return F.log_softmax(self.gc2(x, adj), dim=1)


def accuracy(output, labels):
    preds = output.max(1)[1].type_as(labels)
    return preds.eq(labels).double().sum() / len(labels)


rng = np.random.default_rng(0)
labels = torch.LongTensor(np.arange(60) % 3)
same = labels[:, None] == labels[None, :]
adj = torch.from_numpy(rng.random((60, 60)) < 0.05) | (same & torch.from_numpy(rng.random((60, 60)) < 0.3))
adj = (adj | adj.t() | torch.eye(60).bool()).float()
degree = adj.sum(1).pow(-0.5)
degree[torch.isinf(degree)] = 0.0
adj = torch.diag(degree) @ adj @ torch.diag(degree)
features = torch.from_numpy(rng.random((60, 10))).float() + F.one_hot(labels, 10) * 0.3
model = start(GCN(10, 16, 3))
print(model)
optimizer = optim.Adam(model.parameters(), lr=0.05, weight_decay=5e-4)
idx_train, idx_val = torch.LongTensor(range(20)), torch.arange(20, 60)
losses = []
for epoch in range(20):
    model.train()
    optimizer.zero_grad()
    output = model(features, adj)
    loss = F.nll_loss(output[idx_train], labels[idx_train])
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
model.eval()
print("accuracy", accuracy(model(features, adj)[idx_val], labels[idx_val]).item())
report(losses)
