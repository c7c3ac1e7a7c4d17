"""Federated dropout: server and clients derive the same sub-network, and send no mask."""

import numpy as np

import dropcore

SEED = 2024  # known to all
P = 0.5  # the share of the hidden units that a client leaves out
CLIENTS, ROUNDS, STEPS = 5, 40, 5
FEATURES, HIDDEN, CLASSES = 8, 64, 3


def units_of(round_number: int, client: int) -> np.ndarray:
    """The hidden units that a client trains in a round, computed from the address alone."""
    path = ("round", round_number, "client", client)
    return np.flatnonzero(dropcore.keep_mask(HIDDEN, P, rng=dropcore.Stream(SEED, path).at(0)))


def data_of(client: int, n: int = 200) -> tuple[np.ndarray, np.ndarray]:
    """A client's samples, which stay with the client; the means of x differ between clients."""
    rng = np.random.default_rng(client)
    x = rng.normal(0.3 * client - 0.6, 1, size=(n, FEATURES))
    return x, (x[:, :CLASSES] ** 2 - x[:, CLASSES : 2 * CLASSES]).argmax(axis=1)


def softmax(z: np.ndarray) -> np.ndarray:
    """The softmax of each row."""
    z = np.exp(z - z.max(axis=1, keepdims=True))
    return z / z.sum(axis=1, keepdims=True)


def hidden_of(x: np.ndarray, weights: list[np.ndarray]) -> np.ndarray:
    """The hidden layer."""
    return np.maximum(x @ weights[0] + weights[1], 0)


class Client:
    """The code on a client's machine."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.x, self.labels = data_of(number)

    def train(self, round_number: int, part: list[np.ndarray]) -> list[np.ndarray]:
        """Train the weights of the client's units for some steps; return these weights."""
        scale = HIDDEN / len(units_of(round_number, self.number))
        w, b, v, c = (weights.copy() for weights in part)
        for _ in range(STEPS):
            h = hidden_of(self.x, [w, b])
            slope = softmax(h @ v * scale + c)
            slope[np.arange(len(slope)), self.labels] -= 1
            slope /= len(slope)
            dh = slope @ v.T * scale * (h > 0)
            v -= 0.5 / scale * (h.T @ slope)
            c -= 0.5 * slope.sum(axis=0)
            w -= 0.5 * (self.x.T @ dh)
            b -= 0.5 * dh.sum(axis=0)
        return [w, b, v, c]


class Server:
    """The code on the server, which has all weights and no data."""

    def __init__(self) -> None:
        rng = np.random.default_rng(0)
        self.weights = [
            rng.normal(0, 0.3, (FEATURES, HIDDEN)),
            np.zeros(HIDDEN),
            rng.normal(0, 0.3, (HIDDEN, CLASSES)),
            np.zeros(CLASSES),
        ]

    def part_for(self, round_number: int, client: int) -> list[np.ndarray]:
        """The weights that a client needs."""
        w, b, v, c = self.weights
        units = units_of(round_number, client)
        return [w[:, units], b[units], v[units], c]

    def gather(self, round_number: int, parts: list[list[np.ndarray]]) -> None:
        """The weights of each unit become the mean over the clients that trained it."""
        w, b, v, _ = self.weights
        sums = [np.zeros_like(each) for each in (w, b, v)]
        count = np.zeros(HIDDEN)
        for client, (w_part, b_part, v_part, _) in enumerate(parts):
            units = units_of(round_number, client)
            sums[0][:, units] += w_part
            sums[1][units] += b_part
            sums[2][units] += v_part
            count[units] += 1
        had = count > 0
        w[:, had] = sums[0][:, had] / count[had]
        b[had] = sums[1][had] / count[had]
        v[had] = sums[2][had] / count[had, None]
        self.weights[3] = np.mean([part[3] for part in parts], axis=0)

    def accuracy(self) -> float:
        """The accuracy of the whole network on samples of all clients."""
        x, labels = zip(*(data_of(client) for client in range(CLIENTS)), strict=True)
        _, _, v, c = self.weights
        logits = hidden_of(np.concatenate(x), self.weights) @ v + c
        return float((logits.argmax(axis=1) == np.concatenate(labels)).mean())


def main() -> None:
    """Train, and print the amount of sent data."""
    server, clients = Server(), [Client(number) for number in range(CLIENTS)]
    whole = sum(weights.size for weights in server.weights)
    sent = 0
    for round_number in range(ROUNDS):
        if round_number % 10 == 0:
            print(f"round {round_number:2d}: accuracy {server.accuracy():.2f}")
        parts = []
        for client in clients:
            part = server.part_for(round_number, client.number)
            sent += 2 * sum(weights.size for weights in part)
            parts.append(client.train(round_number, part))
        server.gather(round_number, parts)
    print(f"round {ROUNDS}: accuracy {server.accuracy():.2f}")
    share = sent / (2 * whole * CLIENTS * ROUNDS)
    print(f"weights sent: {share:.0%} of what whole networks would be; masks sent: 0 bytes")


if __name__ == "__main__":
    main()
