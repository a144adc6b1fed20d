"""Train a small convolutional network on scikit-learn's scanned handwritten digits.

    python train_digits.py [--epochs 25] [--batch-size 64] [--lr 0.004] [--seed 0] [--out DIR]

Writes digits.safetensors (the weights) and digits.png (curves and test images) to DIR.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np
from digits import SIDE, DigitNet, fail, load_split, replace_file, require

import lucid
from lucid import nn, optim
from lucid.utils.data import DataLoader, TensorDataset


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Train a small network on handwritten digits.")
    parser.add_argument("--epochs", type=int, default=25)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--lr", type=float, default=4e-3, help="largest learning rate")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("."), help="directory for digits.safetensors and digits.png")
    args = parser.parse_args()
    if args.epochs < 1 or args.batch_size < 2 or args.lr <= 0:
        fail("--epochs must be at least 1, --batch-size at least 2 and --lr positive")
    if not args.out.is_dir():
        fail(f"--out {args.out}: no such directory")
    return args


def shifted(images: lucid.Tensor) -> lucid.Tensor:
    """Each batch moved by up to one pixel in each direction: handwriting is never centred exactly."""
    dy, dx = lucid.randint(-1, 2, (2,)).tolist()
    padded = nn.functional.pad(images, (1, 1, 1, 1))
    return padded[:, :, 1 + dy : 1 + dy + SIDE, 1 + dx : 1 + dx + SIDE]


def evaluate(model: nn.Module, images: lucid.Tensor, labels: lucid.Tensor) -> tuple[float, float, np.ndarray]:
    """Mean loss, accuracy and predictions."""
    model.eval()
    with lucid.no_grad():
        logits = model(images)
        loss = nn.functional.cross_entropy(logits, labels).item()
    predictions = logits.argmax(1)
    return loss, (predictions == labels).float().mean().item(), predictions.numpy()


def plot(
    path: Path, history: list[dict[str, float]], images: np.ndarray, labels: np.ndarray, predictions: np.ndarray
) -> None:
    """Loss and accuracy per epoch, and test images with their predictions, misread ones first and in red."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure = plt.figure(figsize=(12, 6.4), layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=[1, 1.15])
    epochs = range(1, len(history) + 1)
    for axis, quantity in zip(left.subplots(2, 1, sharex=True), ("loss", "accuracy")):
        for split, colour in (("train", "tab:blue"), ("test", "tab:orange")):
            axis.plot(epochs, [h[f"{split} {quantity}"] for h in history], color=colour, label=split)
        axis.set_ylabel(quantity)
        axis.grid(alpha=0.3)
    left.axes[0].set_yscale("log")
    left.axes[0].legend()
    left.axes[1].set_xlabel("epoch")
    wrong = np.flatnonzero(predictions != labels)
    order = np.concatenate([wrong, np.flatnonzero(predictions == labels)])[:48]
    right.suptitle(f"{len(wrong)} of {len(labels)} test images misread")
    for axis in (axes := right.subplots(6, 8)).flat:
        axis.set_axis_off()
    for axis, i in zip(axes.flat, order):
        misread = predictions[i] != labels[i]
        axis.imshow(images[i, 0], cmap="gray_r")
        title = f"{predictions[i]} (is {labels[i]})" if misread else str(predictions[i])
        axis.set_title(title, fontsize=9, color="crimson" if misread else "black")
    replace_file(path, lambda temporary: figure.savefig(temporary, dpi=110))
    plt.close(figure)


def main() -> None:
    args = parse_arguments()
    for module, package in (("sklearn", "scikit-learn"), ("matplotlib", "matplotlib"), ("tqdm", "tqdm")):
        require(module, package)
    from tqdm import tqdm

    lucid.manual_seed(args.seed)
    (train_images, train_labels), (test_images, test_labels) = load_split()
    dataset = TensorDataset(lucid.from_numpy(train_images), lucid.from_numpy(train_labels))
    loader = DataLoader(dataset, batch_size=args.batch_size, shuffle=True, drop_last=True)
    if not len(loader):
        fail(f"--batch-size {args.batch_size} is larger than the {len(dataset)} training images")
    x_test, y_test = lucid.from_numpy(test_images), lucid.from_numpy(test_labels)

    model = DigitNet()
    criterion = nn.CrossEntropyLoss(label_smoothing=0.05)
    optimizer = optim.AdamW(model.parameters(), lr=args.lr, weight_decay=0.02)
    schedule = optim.lr_scheduler.OneCycleLR(optimizer, max_lr=args.lr, total_steps=args.epochs * len(loader))
    parameters = sum(p.numel() for p in model.parameters())
    print(
        f"{len(dataset)} training and {len(test_labels)} test images, {parameters:,} parameters, "
        f"{lucid.get_num_threads()} threads"
    )

    history: list[dict[str, float]] = []
    start = time.perf_counter()
    for epoch in range(1, args.epochs + 1):
        model.train()
        total = correct = seen = 0.0
        with tqdm(loader, desc=f"epoch {epoch:2}/{args.epochs}", unit="batch", leave=False, disable=None) as progress:
            for images, labels in progress:
                optimizer.zero_grad()
                logits = model(shifted(images))
                loss = criterion(logits, labels)
                loss.backward()
                nn.utils.clip_grad_norm_(model.parameters(), 5.0)
                optimizer.step()
                schedule.step()
                total += loss.item() * len(labels)
                correct += (logits.argmax(1) == labels).sum().item()
                seen += len(labels)
                progress.set_postfix(loss=f"{total / seen:.3f}")
        test_loss, test_accuracy, predictions = evaluate(model, x_test, y_test)
        history.append(
            {
                "train loss": total / seen,
                "train accuracy": correct / seen,
                "test loss": test_loss,
                "test accuracy": test_accuracy,
            }
        )
        print(
            f"epoch {epoch:2}/{args.epochs}  train loss {total / seen:.4f}  accuracy {correct / seen:6.2%}  "
            f"test loss {test_loss:.4f}  accuracy {test_accuracy:6.2%}"
        )
    seconds = time.perf_counter() - start
    print(f"test accuracy {test_accuracy:.2%} after {args.epochs} epochs in {seconds:.1f} s")

    weights, picture = args.out / "digits.safetensors", args.out / "digits.png"
    lucid.save(model.state_dict(), weights)
    plot(picture, history, test_images, test_labels, predictions)
    print(f"wrote {weights} and {picture}")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        print("\ninterrupted: every file is complete or as it was before", file=sys.stderr)
        sys.exit(130)
