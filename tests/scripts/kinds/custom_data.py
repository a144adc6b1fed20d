"""Data of one's own: datasets, samplers, batches by length, streams, splits; packed sequences of several lengths."""

import numpy as np
import torch
import torch.nn as nn
from start import report, start
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence
from torch.utils.data import (
    BatchSampler,
    ConcatDataset,
    DataLoader,
    Dataset,
    IterableDataset,
    Sampler,
    SequentialSampler,
    Subset,
    default_collate,
    get_worker_info,
    random_split,
)


class Sequences(Dataset):
    def __init__(self, count, seed):
        rng = np.random.default_rng(seed)
        self.samples = [rng.integers(1, 9, rng.integers(2, 9)) for _ in range(count)]

    def __len__(self):
        return len(self.samples)

    def __getitem__(self, idx):
        if torch.is_tensor(idx):
            idx = idx.tolist()
        s = self.samples[idx]
        return torch.as_tensor(s), torch.tensor(s[-1] > 4, dtype=torch.float32)


class BucketSampler(Sampler):
    def __init__(self, data, batch_size):
        self.order = sorted(range(len(data)), key=lambda i: len(data[i][0]))
        self.batch_size = batch_size

    def __iter__(self):
        for first in range(0, len(self.order), self.batch_size):
            yield self.order[first : first + self.batch_size]

    def __len__(self):
        return -(-len(self.order) // self.batch_size)


class Stream(IterableDataset):
    def __iter__(self):
        info = get_worker_info()
        first, step = (0, 1) if info is None else (info.id, info.num_workers)
        return iter(range(first, 10, step))


def collate_batch(batch):
    sequences, labels = zip(*batch)
    lengths = torch.tensor([len(s) for s in sequences])
    return pad_sequence(sequences, batch_first=True), torch.stack(labels), lengths


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(9, 8, padding_idx=0)
        self.rnn = nn.GRU(8, 12, batch_first=True, bidirectional=True)
        self.fc = nn.Linear(24, 1)

    def forward(self, text, lengths):
        packed = pack_padded_sequence(self.embedding(text), lengths, batch_first=True, enforce_sorted=False)
        output, hidden = self.rnn(packed)
        unpacked, found = pad_packed_sequence(output, batch_first=True)
        assert unpacked.size(1) == text.size(1) and found.equal(lengths)
        return self.fc(torch.cat((hidden[-2], hidden[-1]), dim=1)).squeeze(1)


data = ConcatDataset([Sequences(40, 0), Sequences(24, 1)])
loader = DataLoader(data, batch_sampler=BucketSampler(data, 16), collate_fn=collate_batch, num_workers=0)
model, criterion = start(Net()), nn.BCEWithLogitsLoss()
optimizer = torch.optim.NAdam(model.parameters(), lr=0.02)
losses = []
for epoch in range(8):
    for text, labels, lengths in loader:
        optimizer.zero_grad()
        loss = criterion(model(text, lengths), labels)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
assert len(loader) == 4
train, valid = random_split(data, [0.75, 0.25], generator=torch.Generator().manual_seed(0))
assert len(train) == 48 and len(valid) == 16 and not set(train.indices) & set(valid.indices)
assert [int(v) for batch in DataLoader(Stream(), batch_size=4) for v in batch] == list(range(10))
assert list(BatchSampler(SequentialSampler(Subset(data, [3, 5, 7])), 2, drop_last=False)) == [[0, 1], [2]]
nested = default_collate([{"a": 1, "b": (2.0, "x")}, {"a": 3, "b": (4.0, "y")}])
assert nested["a"].tolist() == [1, 3] and nested["b"][0].dtype == torch.float64 and nested["b"][1] == ("x", "y")
report(losses)
