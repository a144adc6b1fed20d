"""A sequence-to-sequence network with additive attention, teacher forcing and two optimizers."""

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from start import report, start
from torch import optim


class EncoderRNN(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.embedding = nn.Embedding(input_size, hidden_size)
        self.gru = nn.GRU(hidden_size, hidden_size, batch_first=True)

    def forward(self, input):
        return self.gru(self.embedding(input))


class BahdanauAttention(nn.Module):
    def __init__(self, hidden_size):
        super().__init__()
        self.Wa, self.Ua, self.Va = (nn.Linear(hidden_size, n) for n in (hidden_size, hidden_size, 1))

    def forward(self, query, keys):
        scores = self.Va(torch.tanh(self.Wa(query) + self.Ua(keys)))
        weights = F.softmax(scores.squeeze(2).unsqueeze(1), dim=-1)
        return torch.bmm(weights, keys), weights


class AttnDecoderRNN(nn.Module):
    def __init__(self, hidden_size, output_size):
        super().__init__()
        self.embedding = nn.Embedding(output_size, hidden_size)
        self.attention = BahdanauAttention(hidden_size)
        self.gru = nn.GRU(2 * hidden_size, hidden_size, batch_first=True)
        self.out = nn.Linear(hidden_size, output_size)

    def forward(self, encoder_outputs, encoder_hidden, target_tensor=None):
        decoder_input = torch.empty(encoder_outputs.size(0), 1, dtype=torch.long).fill_(0)
        decoder_hidden, decoder_outputs, attentions = encoder_hidden, [], []
        for i in range(5):
            query = decoder_hidden.permute(1, 0, 2)
            context, weights = self.attention(query, encoder_outputs)
            input_gru = torch.cat((self.embedding(decoder_input), context), dim=2)
            output, decoder_hidden = self.gru(input_gru, decoder_hidden)
            decoder_outputs.append(self.out(output))
            attentions.append(weights)
            if target_tensor is not None:
                decoder_input = target_tensor[:, i].unsqueeze(1)
            else:
                _, topi = decoder_outputs[-1].topk(1)
                decoder_input = topi.squeeze(-1).detach()
        return F.log_softmax(torch.cat(decoder_outputs, dim=1), dim=-1), torch.cat(attentions, dim=1)


source = torch.from_numpy(np.random.default_rng(0).integers(1, 8, (64, 5)))
target = source.flip(1)
encoder, decoder = start(EncoderRNN(8, 16), AttnDecoderRNN(16, 8))
encoder_optimizer, decoder_optimizer = (optim.Adam(m.parameters(), lr=0.02) for m in (encoder, decoder))
criterion = nn.NLLLoss()
losses = []
for step in range(25):
    encoder_optimizer.zero_grad()
    decoder_optimizer.zero_grad()
    outputs, hidden = encoder(source)
    decoded, _ = decoder(outputs, hidden, target)
    loss = criterion(decoded.view(-1, decoded.size(-1)), target.reshape(-1))
    loss.backward()
    encoder_optimizer.step()
    decoder_optimizer.step()
    losses.append(loss.item())
with torch.no_grad():
    outputs, hidden = encoder(source[:2])
    _, attention = decoder(outputs, hidden)
    assert attention.shape == (2, 5, 5) and torch.allclose(attention.sum(-1), torch.ones(2, 5))
report(losses)
