"""The walkthrough in Keras 3 on TensorFlow, as its tutorials write it: frozen ResNet50, fit.

With --make-weights it writes the weights file first and does nothing else: random weights whose
BatchNorm statistics come from one batch, so that activations are of an ordinary size.
"""

from __future__ import annotations

import os
import time

from benchmarks.speed.peers.common import Cifar, parser, read_cifar, tell

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")


def make_weights(path: str, data: Cifar) -> None:
    """Write random weights with BatchNorm statistics of the first 256 pictures."""
    import keras
    from keras.applications.resnet50 import ResNet50, preprocess_input

    keras.utils.set_random_seed(0)
    base = ResNet50(weights=None, include_top=False, input_shape=(32, 32, 3))
    for layer in base.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.0
    base(preprocess_input(data.pictures[:256].astype("float32")), training=True)
    base.save_weights(path)


def main() -> None:
    """Train, evaluate, print."""
    options = parser(__doc__)
    options.add_argument("--make-weights", action="store_true")
    given = options.parse_args()

    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(given.threads)
    tf.config.threading.set_inter_op_parallelism_threads(given.threads)

    import keras
    from keras import layers
    from keras.applications.resnet50 import ResNet50, preprocess_input

    data = read_cifar(given.data)
    if given.make_weights:
        return make_weights(str(given.weights), data)

    class EpochSeconds(keras.callbacks.Callback):  # type: ignore[misc]
        seconds: list[float]

        def on_train_begin(self, _logs: object = None) -> None:
            self.seconds = []

        def on_epoch_begin(self, _epoch: int, _logs: object = None) -> None:
            self.begun = time.perf_counter()

        def on_epoch_end(self, _epoch: int, _logs: object = None) -> None:
            self.seconds.append(round(time.perf_counter() - self.begun, 3))

    keras.utils.set_random_seed(0)
    x_train = preprocess_input(data.pictures.astype("float32"))
    x_test = preprocess_input(data.test_pictures.astype("float32"))
    base = ResNet50(weights=str(given.weights), include_top=False, input_shape=(32, 32, 3))
    base.trainable = False
    model = keras.Sequential(
        [
            base,
            layers.GlobalAveragePooling2D(),
            layers.Dense(1024, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(
        optimizer=keras.optimizers.Adam(1e-3),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    clock = EpochSeconds()
    model.fit(
        x_train,
        data.targets,
        validation_split=0.2,
        epochs=given.epochs,
        batch_size=64,
        callbacks=[clock],
        verbose=0,
    )
    _, accuracy = model.evaluate(x_test, data.test_targets, batch_size=64, verbose=0)
    tell(accuracy=float(accuracy), epochs=clock.seconds, did="fit, validation each epoch, evaluate")
    return None


if __name__ == "__main__":
    main()
