# embedding
