"""Small image collections in the files their authors publish; nothing in a file is executed."""

from lucid.datasets.cifar import CIFAR10, CIFAR100
from lucid.datasets.mnist import KMNIST, MNIST, FashionMNIST

__all__ = ["CIFAR10", "CIFAR100", "KMNIST", "MNIST", "FashionMNIST"]
