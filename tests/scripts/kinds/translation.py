"""Translation with nn.Transformer: masks, padded batches, a warm-up schedule, greedy decoding."""

import math

import numpy as np
import torch
import torch.nn as nn
from start import report, start
from torch.nn import Transformer
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader

PAD_IDX, BOS_IDX, EOS_IDX = 0, 1, 2


class PositionalEncoding(nn.Module):
    def __init__(self, emb_size, dropout, maxlen=50):
        super().__init__()
        den = torch.exp(-torch.arange(0, emb_size, 2) * math.log(10000) / emb_size)
        pos = torch.arange(0, maxlen).reshape(maxlen, 1)
        pe = torch.zeros((maxlen, emb_size))
        pe[:, 0::2] = torch.sin(pos * den)
        pe[:, 1::2] = torch.cos(pos * den)
        self.dropout = nn.Dropout(dropout)
        self.register_buffer("pe", pe.unsqueeze(-2))

    def forward(self, token_embedding):
        return self.dropout(token_embedding + self.pe[: token_embedding.size(0), :])


class Seq2SeqTransformer(nn.Module):
    def __init__(self, vocab, emb_size=16):
        super().__init__()
        self.transformer = Transformer(emb_size, 2, 1, 1, 32, dropout=0.0)
        self.generator = nn.Linear(emb_size, vocab)
        self.src_tok_emb, self.tgt_tok_emb = nn.Embedding(vocab, emb_size), nn.Embedding(vocab, emb_size)
        self.positional_encoding = PositionalEncoding(emb_size, dropout=0.0)

    def forward(self, src, trg, src_mask, tgt_mask, src_padding_mask, tgt_padding_mask, memory_key_padding_mask):
        src_emb = self.positional_encoding(self.src_tok_emb(src.long()) * math.sqrt(16))
        tgt_emb = self.positional_encoding(self.tgt_tok_emb(trg) * math.sqrt(16))
        outs = self.transformer(
            src_emb, tgt_emb, src_mask, tgt_mask, None, src_padding_mask, tgt_padding_mask, memory_key_padding_mask
        )
        return self.generator(outs)


def generate_square_subsequent_mask(sz):
    mask = (torch.triu(torch.ones((sz, sz))) == 1).transpose(0, 1)
    return mask.float().masked_fill(mask == 0, float("-inf")).masked_fill(mask == 1, float(0.0))


def create_mask(src, tgt):
    tgt_mask = generate_square_subsequent_mask(tgt.shape[0])
    src_mask = torch.zeros((src.shape[0], src.shape[0]))
    return src_mask, tgt_mask, (src == PAD_IDX).transpose(0, 1), (tgt == PAD_IDX).transpose(0, 1)


def collate_fn(batch):
    src, tgt = zip(*batch)
    return pad_sequence(src, padding_value=PAD_IDX), pad_sequence(tgt, padding_value=PAD_IDX)


rng = np.random.default_rng(0)
pairs = []
for _ in range(64):
    sentence = rng.integers(3, 12, rng.integers(3, 7))
    pairs.append(tuple(
        torch.cat((torch.tensor([BOS_IDX]), torch.tensor(s.copy()), torch.tensor([EOS_IDX])))
        for s in (sentence, sentence[::-1])
    ))  # fmt: skip
transformer = Seq2SeqTransformer(12)
for p in transformer.parameters():
    if p.dim() > 1:
        nn.init.xavier_uniform_(p)
start(transformer)
loss_fn = torch.nn.CrossEntropyLoss(ignore_index=PAD_IDX)
optimizer = torch.optim.Adam(transformer.parameters(), lr=0.01, betas=(0.9, 0.98), eps=1e-9)
scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min((step + 1) / 4, 1.0))
losses = []
for epoch in range(8):
    transformer.train()
    for src, tgt in DataLoader(pairs, batch_size=16, collate_fn=collate_fn):
        tgt_input, tgt_out = tgt[:-1, :], tgt[1:, :]
        src_mask, tgt_mask, src_padding, tgt_padding = create_mask(src, tgt_input)
        logits = transformer(src, tgt_input, src_mask, tgt_mask, src_padding, tgt_padding, src_padding)
        optimizer.zero_grad()
        loss = loss_fn(logits.reshape(-1, logits.shape[-1]), tgt_out.reshape(-1))
        loss.backward()
        optimizer.step()
        scheduler.step()
        losses.append(loss.item())
transformer.eval()
ys = torch.ones(1, 1).fill_(BOS_IDX).type(torch.long)
with torch.no_grad():
    for _ in range(5):
        src = pairs[0][0].view(-1, 1)
        mask = generate_square_subsequent_mask(ys.size(0)).type(torch.bool)
        out = transformer(src, ys, None, mask, None, None, None)
        _, next_word = torch.max(out.transpose(0, 1)[:, -1], dim=1)
        ys = torch.cat([ys, torch.ones(1, 1).type_as(src.data).fill_(next_word.item())], dim=0)
assert ys.shape == (6, 1)
report(losses)
