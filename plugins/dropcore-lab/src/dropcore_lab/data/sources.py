"""Functions that make or load rows. Each is self-contained: its text goes into exported scripts.

Each function takes the number of rows, the noise and a generator, and returns inputs and targets
(class numbers, or numbers).
"""

import numpy as np


def moons(n: int, noise: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Two half circles, one in the other."""
    y = rng.integers(0, 2, n)
    angle = rng.uniform(0, np.pi, n)
    side = 1 - 2 * y
    x = np.stack([side * (np.cos(angle) - 0.5), side * (np.sin(angle) - 0.25)], axis=1)
    return x + noise * rng.normal(size=x.shape), y


def circles(n: int, noise: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A ring around another."""
    y = rng.integers(0, 2, n)
    angle = rng.uniform(0, 2 * np.pi, n)
    x = np.stack([np.cos(angle), np.sin(angle)], axis=1) * np.where(y, 0.5, 1.0)[:, None]
    return x + noise * rng.normal(size=x.shape), y


def spiral(n: int, noise: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Two arms that turn around each other one and a half times."""
    y = rng.integers(0, 2, n)
    turn = np.sqrt(rng.uniform(0.02, 1, n))
    angle = 3 * np.pi * turn + np.pi * y
    x = np.stack([np.cos(angle), np.sin(angle)], axis=1) * turn[:, None]
    return x + noise * rng.normal(size=x.shape), y


def xor(n: int, noise: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Four squares of two classes, as on a chessboard."""
    x = rng.uniform(-1, 1, (n, 2))
    y = (x[:, 0] * x[:, 1] > 0).astype(int)
    return x + noise * rng.normal(size=x.shape), y


def sine(n: int, noise: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A wave with noise on it: one input, and a number to predict."""
    x = rng.uniform(-1, 1, (n, 1))
    y = np.sin(2 * np.pi * x[:, 0]) * (1 - 0.5 * x[:, 0])
    return x, y + noise * rng.normal(size=n)


def ten(n: int, noise: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Ten inputs. The class depends on three inputs, not on the other seven."""
    x = rng.normal(size=(n, 10))
    y = (x[:, 0] * x[:, 1] + x[:, 2] > 0).astype(int)
    return x + noise * rng.normal(size=x.shape), y


def churn(n: int, noise: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Five customers: usage and tenure, and whether they left."""
    x = np.array([[0.1, 0.2], [0.9, 0.8], [0.2, 0.9], [0.7, 0.1], [0.4, 0.5]])
    y = np.array([1, 0, 1, 0, 1])
    return x[:n], y[:n]


def digits(n: int, noise: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Handwritten digits of 8 x 8 pixels, 1797 in scikit-learn."""
    from sklearn.datasets import load_digits

    pixels, y = load_digits(return_X_y=True)
    order = rng.permutation(len(y))[:n]
    x = pixels[order].reshape(-1, 1, 8, 8) / 16
    return x + noise * rng.normal(size=x.shape), y[order]


def cancer(n: int, noise: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Thirty measurements of 569 tumours in scikit-learn: malignant 0, benign 1."""
    from sklearn.datasets import load_breast_cancer

    x, y = load_breast_cancer(return_X_y=True)
    order = rng.permutation(len(y))[:n]
    return x[order], y[order]


def with_wrong(y: np.ndarray, share: float, classes: int, rng: np.random.Generator) -> np.ndarray:
    """Replace each label, with the probability `share`, by another label."""
    wrong = rng.random(len(y)) < share
    return np.where(wrong, (y + rng.integers(1, classes, len(y))) % classes, y)


def standardised(x: np.ndarray, rows: int) -> np.ndarray:
    """Subtract the mean of the first `rows`, and divide by their standard deviation."""
    deviation = x[:rows].std(axis=0)
    x = (x - x[:rows].mean(axis=0)) / np.where(deviation > 0, deviation, 1)
    return x
