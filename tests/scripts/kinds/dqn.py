"""Deep Q-learning on a corridor: replay memory, a target network, clipped gradients."""

import copy
import random
from collections import deque, namedtuple

import torch
import torch.nn as nn
import torch.optim as optim
from start import report, start

Transition = namedtuple("Transition", ("state", "action", "next_state", "reward"))
random.seed(0)
policy_net = start(nn.Sequential(nn.Linear(6, 24), nn.ReLU(), nn.Linear(24, 2)))
target_net = copy.deepcopy(policy_net)
target_net.load_state_dict(policy_net.state_dict())
optimizer = optim.AdamW(policy_net.parameters(), lr=1e-2, amsgrad=True)
memory = deque([], maxlen=500)
GAMMA, TAU = 0.9, 0.05


def observe(place):
    return torch.nn.functional.one_hot(torch.tensor([place]), 6).float()


def optimize_model():
    batch = Transition(*zip(*random.sample(memory, 32)))
    non_final_mask = torch.tensor(tuple(s is not None for s in batch.next_state), dtype=torch.bool)
    non_final = torch.cat([s for s in batch.next_state if s is not None])
    state, action, reward = torch.cat(batch.state), torch.cat(batch.action), torch.cat(batch.reward)
    values = policy_net(state).gather(1, action)
    next_values = torch.zeros(32)
    with torch.no_grad():
        next_values[non_final_mask] = target_net(non_final).max(1).values
    loss = nn.SmoothL1Loss()(values, (next_values * GAMMA + reward).unsqueeze(1))
    optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_value_(policy_net.parameters(), 100)
    optimizer.step()
    weights = target_net.state_dict()
    for key, value in policy_net.state_dict().items():
        weights[key] = value * TAU + weights[key] * (1 - TAU)
    target_net.load_state_dict(weights)
    return loss.item()


losses, place = [], 0
for step in range(200):
    state = observe(place)
    action = torch.tensor([[random.randrange(2)]], dtype=torch.long)
    place = max(0, place + 2 * action.item() - 1)
    done = place == 5
    memory.append(Transition(state, action, None if done else observe(place), torch.tensor([float(done)])))
    place = 0 if done else place
    if len(memory) >= 32 and step % 4 == 0:
        losses.append(optimize_model())
greedy = policy_net(torch.eye(6)[:5]).argmax(1)
print("steps to the right", greedy.sum().item())
report(losses)
