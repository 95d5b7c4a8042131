# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The model: one convolution, one hidden layer, ten outputs; and the step by which all workers train it together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf
from dataset import BRIGHTEST, CLASSES, PIXELS

SIDE = 8
FILTERS = 16
MOMENTUM = 0.9


class Network(tf.Module):  # type: ignore[misc]  # TensorFlow has no types
    """Reads digits. Made twice with one seed, it has the same weights twice."""

    def __init__(self, hidden_units: int, seed: int) -> None:
        super().__init__()

        def weights(number: int, shape: list[int], inputs: int) -> tf.Variable:
            # Variance 2/inputs keeps the signal's size through a ReLU (He et al. 2015).
            start = tf.random.stateless_normal(shape, seed=[seed, number], stddev=(2 / inputs) ** 0.5)
            return tf.Variable(start, name=f"weights_{number}")

        pooled = (SIDE // 2) ** 2 * FILTERS
        self.filters = weights(1, [3, 3, 1, FILTERS], 9)
        self.filter_bias = tf.Variable(tf.zeros([FILTERS]), name="bias_1")
        self.hidden = weights(2, [pooled, hidden_units], pooled)
        self.hidden_bias = tf.Variable(tf.zeros([hidden_units]), name="bias_2")
        self.output = weights(3, [hidden_units, CLASSES], hidden_units)
        self.output_bias = tf.Variable(tf.zeros([CLASSES]), name="bias_3")

    def logits(self, image: tf.Tensor) -> tf.Tensor:
        """[rows, 64] pixels of 0 to 16 -> [rows, 10]."""
        picture = tf.reshape(image / BRIGHTEST, [-1, SIDE, SIDE, 1])
        found = tf.nn.relu(tf.nn.conv2d(picture, self.filters, 1, "SAME") + self.filter_bias)
        flat = tf.reshape(tf.nn.max_pool2d(found, 2, 2, "VALID"), [-1, self.hidden.shape[0]])
        return tf.nn.relu(flat @ self.hidden + self.hidden_bias) @ self.output + self.output_bias

    @tf.function(input_signature=[tf.TensorSpec([None, PIXELS], tf.float32, name="image")])  # type: ignore[untyped-decorator]
    def predict(self, image: tf.Tensor) -> dict[str, tf.Tensor]:
        """The serving signature: `image` -> `digit` int64 [rows], `probabilities` float32 [rows, 10]."""
        logits = self.logits(image)
        return {"digit": tf.argmax(logits, axis=1), "probabilities": tf.nn.softmax(logits)}

    def copy_of(self, other: Network) -> Network:
        """Take over the other's weights: a copy outside of the strategy can be saved by one worker alone."""
        for mine, its in zip(self.trainable_variables, other.trainable_variables, strict=True):
            mine.assign(its.numpy())
        return self


def training_step(
    network: Network, velocities: Sequence[tf.Variable], strategy: Any, batch_size: int, learning_rate: float
) -> Callable[..., tf.Tensor]:
    """`step(images, labels)`: one step of gradient descent with momentum over the rows of all workers.
    `velocities`: one for each weight, zero at the start.

    Each worker gives its own share of a batch; gradients are summed over all of them before any weight moves, so
    that all have the same weights after it. `batch_size` counts the rows of all workers. Returns the batch's loss.
    """

    def on_this_worker(images: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=network.logits(images))
            loss = tf.reduce_sum(losses) / batch_size
        gradients = tape.gradient(loss, network.trainable_variables)
        # The loss travels with the gradients: one exchange a step.
        *gradients, loss = tf.distribute.get_replica_context().all_reduce(
            tf.distribute.ReduceOp.SUM, [*gradients, loss]
        )
        for weight, velocity, gradient in zip(network.trainable_variables, velocities, gradients, strict=True):
            velocity.assign(MOMENTUM * velocity + gradient)
            weight.assign_sub(learning_rate * velocity)
        return loss

    @tf.function  # type: ignore[untyped-decorator]
    def step(images: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        return strategy.run(on_this_worker, args=(images, labels))

    return step  # type: ignore[no-any-return]
