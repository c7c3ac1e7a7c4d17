"""Whole models: trained on real data, saved and loaded."""

import dropcore_keras
import keras
import numpy as np
import pytest
from helpers import array, normal
from sklearn.datasets import load_digits

LAYERS = ["SpatialDropout2D", "Dropout", "AlphaDropout", "GaussianDropout"]


@pytest.fixture(scope="module")
def digits():
    x, labels = load_digits(return_X_y=True)
    x = (x / 16).astype("float32").reshape(-1, 8, 8, 1)
    order = np.random.default_rng(0).permutation(len(x))
    return x[order], labels[order].astype("int32")


def network(source=dropcore_keras):
    keras.utils.set_random_seed(3)
    return keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            keras.layers.Conv2D(16, 3, activation="relu"),
            source.SpatialDropout2D(0.1),
            keras.layers.Flatten(),
            keras.layers.Dense(64, activation="relu"),
            source.Dropout(0.2, noise_shape=(None, 64), seed=1),
            keras.layers.Dense(64, activation="selu", kernel_initializer="lecun_normal"),
            source.AlphaDropout(0.1, seed=2),
            source.GaussianDropout(0.1),
            keras.layers.Dense(10),
        ]
    )


def trained(model, digits, epochs=4):
    x, labels = digits
    model.compile(
        keras.optimizers.Adam(3e-3),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    model.fit(x[:1500], labels[:1500], batch_size=50, epochs=epochs, shuffle=False, verbose=0)
    return model


def test_fit_on_real_data(digits):
    model = trained(network(), digits)
    x, labels = digits
    assert model.evaluate(x[1500:], labels[1500:], verbose=0)[1] > 0.9


def test_training_repeats(digits):
    one, again = (trained(network(), digits, epochs=1) for _ in range(2))
    for weight, same in zip(one.weights, again.weights, strict=True):
        np.testing.assert_array_equal(array(weight.value), array(same.value))


def test_a_saved_model_keeps_its_layers(digits, tmp_path):
    model = trained(network(), digits, epochs=1)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    names = [type(layer).__name__ for layer in loaded.layers if "dropout" in layer.name]
    assert names == LAYERS
    for layer, same in zip(loaded.layers, model.layers, strict=True):
        assert type(layer) is type(same)
        assert layer.get_config() == same.get_config()
    x = digits[0][:50]
    np.testing.assert_array_equal(array(loaded(x)), array(model(x)))
    trained(loaded, digits, epochs=1)


@pytest.mark.parametrize("source", [dropcore_keras, keras.layers], ids=["dropcore", "keras"])
def test_a_loaded_layer_begins_its_seed_anew_as_keras_own(source, tmp_path):
    model = keras.Sequential([keras.Input((50,)), source.Dropout(0.5, seed=1)])
    x = normal(9, 50)
    first, second = (array(model(x, training=True)) for _ in range(2))
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(array(loaded(x, training=True)), first)
    assert not np.array_equal(first, second)


def test_a_model_from_its_json():
    model = network()
    again = keras.models.model_from_json(model.to_json())
    assert [type(layer) for layer in again.layers] == [type(layer) for layer in model.layers]


def test_weights_of_keras_own_model_fit(tmp_path):
    network(keras.layers).save_weights(tmp_path / "own.weights.h5")
    model, own = network(), network(keras.layers)
    model.load_weights(tmp_path / "own.weights.h5")
    x = normal(5, 8, 8, 1)
    np.testing.assert_array_equal(array(model(x)), array(own(x)))
    model.save_weights(tmp_path / "ours.weights.h5")
    own.load_weights(tmp_path / "ours.weights.h5")
