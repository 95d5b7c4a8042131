# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Trains a model that reads handwritten digits, with as many workers as TF_CONFIG names, and evaluates it.

Every worker runs this program; together they train one model. Worker 0 writes, under OUTPUT_DIR:
model/1/ (a SavedModel), metrics.json, evaluation.html and golden.json. metrics.json comes last: it tells that all
is there. After each epoch it writes how far it has come to CHECKPOINT_DIR, where there is one, and begins from what it
finds there: ended and begun again, it comes to the same weights. Exit codes: 0 done, 1 the training failed, 2 a
setting or the dataset is wrong.
"""

from __future__ import annotations

import argparse
import faulthandler
import json
import math
import os
import shutil
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import checkpoint
import dataset
import evaluation
import numpy as np
import page

START = time.monotonic()
MEETING_TIMEOUT_S = 300.0


class TrainingError(Exception):
    """The training cannot end well."""


@dataclass(frozen=True, slots=True)
class HyperParameters:
    hidden_units: int
    epochs: int
    batch_size: int  # rows of all workers together
    learning_rate: float
    seed: int


@dataclass(frozen=True, slots=True)
class Place:
    """Which of the workers this process is."""

    worker: int
    workers: int

    @property
    def is_chief(self) -> bool:
        return self.worker == 0


def main(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    options = parse(arguments, environ)
    hyper_parameters = HyperParameters(
        options.hidden_units, options.epochs, options.batch_size, options.learning_rate, options.seed
    )
    try:
        place = place_of(environ)
        if hyper_parameters.batch_size < place.workers:
            raise ValueError(f"batch-size is {hyper_parameters.batch_size}; {place.workers} workers need one row each")
        train, holdout = dataset.read(options.dataset_dir / "train"), dataset.read(options.dataset_dir / "holdout")
        dataset.refuse_overlap(train, holdout)
    except (dataset.DatasetError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    say(f"worker {place.worker} of {place.workers}: {len(train.labels)} images to train on, {hyper_parameters}")
    try:
        network = fit(train, hyper_parameters, place, options.checkpoint_dir)
        if place.is_chief:
            write_results(network, holdout, hyper_parameters, place, options.output_dir)
    except TrainingError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    say("done")
    return 0


def parse(arguments: Sequence[str], environ: Mapping[str, str]) -> argparse.Namespace:
    """Options; each may also be given as a variable of the environment, which an argument overrides."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)

    def option(name: str, kind: Any, default: str, text: str) -> None:
        variable = name.upper().replace("-", "_")
        help_text = f"{text} (${variable}, else {default})"
        parser.add_argument(f"--{name}", type=kind, default=environ.get(variable, default), help=help_text)

    option("dataset-dir", Path, "/data/dataset", "folder with train/*.csv and holdout/*.csv")
    option("output-dir", Path, "/data/output", "folder that receives the model and its evaluation")
    option("checkpoint-dir", folder, "", "folder that keeps how far the training has come")
    option("hidden-units", positive, "64", "width of the hidden layer")
    option("epochs", positive, "12", "how often every image is seen")
    option("batch-size", positive, "96", "images per step, of all workers together")
    option("learning-rate", positive_float, "0.05", "size of a step")
    option("seed", int, "7", "makes weights and order of the images; equal seeds give equal models")
    return parser.parse_args(arguments)


def folder(text: str) -> Path | None:
    return Path(text) if text else None


def positive(text: str) -> int:
    if (value := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not positive")
    return value


def positive_float(text: str) -> float:
    if not 0 < (value := float(text)) < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is not a positive number")
    return value


def place_of(environ: Mapping[str, str]) -> Place:
    """From TF_CONFIG as the training operator writes it; without it this is the only worker."""
    config = json.loads(environ.get("TF_CONFIG") or "{}")
    cluster, task = config.get("cluster", {}), config.get("task", {})
    if unknown := sorted(set(cluster) - {"chief", "worker"}):
        raise ValueError(f"TF_CONFIG names {', '.join(unknown)}; all workers train alike here: only chief and worker")
    chiefs, workers = len(cluster.get("chief", [])), len(cluster.get("worker", []))
    if not cluster:
        return Place(0, 1)
    return Place(task["index"] + (chiefs if task["type"] == "worker" else 0), chiefs + workers)


def fit(train: dataset.Digits, hyper_parameters: HyperParameters, place: Place, kept: Path | None = None) -> Any:
    """Train on this worker's share of every batch; returns a network with the weights all workers agreed on.

    `kept`: the folder of checkpoints. No worker ends an epoch before all have begun it, so all begin from the same one.

    Raises TrainingError when another worker is lost, and when the loss is no number any more.
    """
    import tensorflow as tf
    from network import Network, training_step

    say(f"TensorFlow {tf.__version__} imported")
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(2)
    say(f"waiting for {place.workers - 1} other workers, {MEETING_TIMEOUT_S:g} s at most")
    with exit_after(MEETING_TIMEOUT_S):
        # A worker that is alone needs no partners to meet, and no network.
        strategy = tf.distribute.MultiWorkerMirroredStrategy() if place.workers > 1 else tf.distribute.get_strategy()
    say(f"workers that have met: {strategy.num_replicas_in_sync}")
    with strategy.scope():
        network = Network(hyper_parameters.hidden_units, hyper_parameters.seed)
        velocities = [tf.Variable(tf.zeros_like(weight)) for weight in network.trainable_variables]
        step = training_step(network, velocities, strategy, hyper_parameters.batch_size, hyper_parameters.learning_rate)
    state, settings = [*network.trainable_variables, *velocities], asdict(hyper_parameters)
    done = resume(kept, settings, state)
    try:
        for epoch in range(done + 1, hyper_parameters.epochs + 1):
            batches = shares(len(train.labels), epoch, hyper_parameters, place)
            loss = float(np.mean([step(train.images[rows], train.labels[rows]) for rows in batches]))
            if not math.isfinite(loss):
                tried = hyper_parameters.learning_rate
                raise TrainingError(f"the loss became {loss} in epoch {epoch}; try a learning rate below {tried}")
            if place.is_chief or epoch == hyper_parameters.epochs:
                say(f"epoch {epoch} of {hyper_parameters.epochs}: loss {loss:.4f}")
            if kept and place.is_chief:
                checkpoint.save(kept, epoch, settings, [each.numpy() for each in state])
    except (tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.CancelledError) as error:
        raise TrainingError(
            f"lost another worker ({type(error).__name__}); see the log of the one that ended"
        ) from error
    return Network(hyper_parameters.hidden_units, hyper_parameters.seed).copy_of(network)


def resume(kept: Path | None, settings: object, state: Sequence[Any]) -> int:
    """How many epochs are done: those of the checkpoint, whose weights `state` then has. Raises TrainingError."""
    try:
        found = checkpoint.load(kept, settings) if kept else None
    except ValueError as error:
        raise TrainingError(str(error)) from error
    if found is None:
        return 0
    epochs, arrays = found
    for variable, array in zip(state, arrays, strict=True):
        variable.assign(array)
    say(f"going on after epoch {epochs}, from the checkpoint in {kept}")
    return epochs


@contextmanager
def exit_after(seconds: float) -> Iterator[None]:
    """End the process, exit code 1, if the body takes longer.

    While TensorFlow waits for a missing worker it holds the interpreter's lock and knows no end of its own: neither a
    thread nor a signal handler of Python would run. faulthandler's watchdog needs no interpreter.
    """
    faulthandler.dump_traceback_later(seconds, exit=True)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()


def shares(rows: int, epoch: int, hyper_parameters: HyperParameters, place: Place) -> Iterator[np.ndarray[Any, Any]]:
    """This worker's row numbers of each batch of an epoch. All workers draw one order, so no row is seen twice.

    Rows that do not fill a batch are left to another epoch's order: batches of one size need one graph.
    """
    order = np.random.default_rng([hyper_parameters.seed, epoch]).permutation(rows)
    size = min(hyper_parameters.batch_size, rows)
    for start in range(0, rows - size + 1, size):
        yield order[start : start + size][place.worker :: place.workers]


def write_results(
    network: Any, holdout: dataset.Digits, hyper_parameters: HyperParameters, place: Place, output: Path
) -> None:
    """Save the model, load it again, and judge what was loaded: the evaluation is of the files, not of the memory."""
    import tensorflow as tf

    shutil.rmtree(output / "model", ignore_errors=True)  # of an earlier try
    (output / "metrics.json").unlink(missing_ok=True)
    saved = output / "model" / "1"
    tf.saved_model.save(network, str(saved), signatures={"serving_default": network.predict})
    # Holds a random number and is optional. Without it equal trainings give equal files, hence equal digests.
    (saved / "fingerprint.pb").unlink(missing_ok=True)
    read = tf.saved_model.load(str(saved)).signatures["serving_default"]
    probabilities = read(image=tf.constant(holdout.images))["probabilities"].numpy()
    metrics = {
        **evaluation.measure(holdout, probabilities),
        "epochs": hyper_parameters.epochs,
        "workers": place.workers,
        "hyper_parameters": asdict(hyper_parameters),
        "tensorflow": tf.__version__,
        "seconds": round(time.monotonic() - START, 1),
    }
    (output / "golden.json").write_text(json.dumps(evaluation.golden(holdout, probabilities), indent=2) + "\n")
    (output / "evaluation.html").write_text(page.render(metrics, evaluation.misread(holdout, probabilities)))
    (output / "metrics.json").write_text(json.dumps(metrics, indent=2) + "\n")
    say(f"accuracy {metrics['accuracy']:.4f} on {metrics['holdout_size']} images held out; written to {output}")


def say(text: str) -> None:
    print(f"[{time.monotonic() - START:5.1f}s] {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
