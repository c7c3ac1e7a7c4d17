"""Models of other libraries: dropcore serves each of their dropouts and changes nothing else."""

import pytest
import torch
from dropcore_torch import audit, convert, installed, models, real, step

pytest.importorskip("transformers")
torchvision = models.torchvision()

import timm  # noqa: E402, once torchvision can be imported
import transformers as hf  # noqa: E402
from timm.models import vision_transformer as vit  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore")  # warnings of these libraries

P = 0.2
SMALL = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
RATES = {"hidden_dropout_prob": P, "attention_probs_dropout_prob": P}
IDS = {"input_ids": torch.arange(24).view(2, 12)}


def of_transformers(config, kind, inputs, **eager):
    return lambda: (getattr(hf, kind)._from_config(config, **eager), inputs)


def text(name, implementation):
    eager = {"attn_implementation": implementation}
    if name == "BERT":
        config = hf.BertConfig(vocab_size=30, intermediate_size=64, **SMALL, **RATES)
        return of_transformers(config, "BertModel", IDS, **eager)
    if name == "GPT-2":
        rates = {"resid_pdrop": P, "embd_pdrop": P, "attn_pdrop": P, "use_cache": False}
        config = hf.GPT2Config(vocab_size=30, n_embd=32, n_layer=2, n_head=2, **rates)
        return of_transformers(config, "GPT2Model", IDS, **eager)
    if name == "T5":
        sizes = {"d_model": 32, "d_kv": 16, "d_ff": 64, "num_layers": 2, "num_heads": 2}
        config = hf.T5Config(vocab_size=30, dropout_rate=P, use_cache=False, **sizes)
        inputs = {**IDS, "decoder_input_ids": IDS["input_ids"]}
        return of_transformers(config, "T5Model", inputs)
    config = hf.ViTConfig(image_size=32, patch_size=8, intermediate_size=64, **SMALL, **RATES)
    inputs = {"pixel_values": torch.ones(2, 3, 32, 32)}
    return of_transformers(config, "ViTModel", inputs, **eager)


def timms(name, size=32, **options):
    return lambda: (timm.create_model(name, num_classes=5, **options), {"x": image(size)})


def torchvisions(name, size=64, **options):
    return lambda: (getattr(torchvision.models, name)(num_classes=5, **options), {"x": image(size)})


def image(size):
    return torch.linspace(-1, 1, 2 * 3 * size * size).view(2, 3, size, size)


def small_transformer():
    sizes = {"img_size": 32, "patch_size": 8, "embed_dim": 32, "depth": 2, "num_heads": 2}
    rates = {"drop_rate": P, "pos_drop_rate": P, "proj_drop_rate": P, "attn_drop_rate": P}
    return vit.VisionTransformer(num_classes=5, **sizes, **rates), {"x": image(32)}


class OfTorchvision:
    @staticmethod
    def transformer():
        sizes = {"image_size": 32, "patch_size": 8, "num_layers": 2, "num_heads": 2}
        sizes |= {"hidden_dim": 32, "mlp_dim": 64, "num_classes": 5}
        rates = {"dropout": P, "attention_dropout": P}
        return torchvision.models.VisionTransformer(**sizes, **rates), {"x": image(32)}


BUILDS = {
    **{
        f"transformers {name}, {how}": text(name, how)
        for name in ("BERT", "GPT-2", "ViT")
        for how in ("eager", "sdpa")
    },
    "transformers T5": text("T5", "eager"),
    "timm vit": small_transformer,
    "timm mixer": timms("mixer_s32_224", 64, img_size=64, drop_rate=P, proj_drop_rate=P),
    "timm mobilenet": timms("mobilenetv3_small_050", drop_rate=P),
    "timm efficientnet": timms("efficientnet_b0", drop_rate=P),
    "timm convnext": timms("convnext_atto", drop_rate=P),
    "torchvision alexnet": torchvisions("alexnet", dropout=P),
    "torchvision squeezenet": torchvisions("squeezenet1_1", dropout=P),
    "torchvision mobilenet v2": torchvisions("mobilenet_v2", dropout=P),
    "torchvision mobilenet v3": torchvisions("mobilenet_v3_small", dropout=P),
    "torchvision mnasnet": torchvisions("mnasnet0_5", dropout=P),
    "torchvision efficientnet": torchvisions("efficientnet_b0", stochastic_depth_prob=0.0),
    "torchvision vit": OfTorchvision.transformer,
}


@pytest.mark.parametrize("name", BUILDS)
def test_every_dropout_is_served(name):
    model, inputs = BUILDS[name]()
    before = audit(model, **inputs).calls
    assert {call.by for call in before} == {"PyTorch"}
    with installed():
        after = audit(model, **inputs).calls
    assert {call.by for call in after} == {"dropcore"}
    assert [(c.what, c.module, c.p, c.elements) for c in before] == [
        (c.what, c.module, c.p, c.elements) for c in after
    ]


@pytest.mark.parametrize("name", BUILDS)
def test_the_loss_with_dropout_off_is_the_same_to_the_bit(name):
    model, inputs = BUILDS[name]()
    model.eval()
    with torch.no_grad():
        without = real.loss_of(model, inputs)
        with installed():
            assert torch.equal(real.loss_of(model, inputs), without)


@pytest.mark.parametrize("name", models.MODELS)
def test_a_step_of_each_model_that_is_timed(name):
    torch.manual_seed(0)
    model, inputs = models.MODELS[name](0.0)
    with installed():
        loss = real.loss_of(model, inputs)
    assert torch.equal(loss, real.loss_of(model, inputs))
    model, inputs = models.MODELS[name](0.1)
    with installed():
        assert {call.by for call in audit(model, **inputs).calls} == {"dropcore"}
    torch.manual_seed(0)
    with installed():
        loss = real.loss_of(model, inputs)
    convert(model)
    torch.manual_seed(0)
    if name == "lstm":  # the other models read p of modules, or draw in another order
        torch.testing.assert_close(real.loss_of(model, inputs), loss)


def test_the_command_prints_a_table(capsys):
    step.main(["--model", "cnn", "--rounds", "1", "--calls", "1", "--threads", "1", "2"])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("|")[1].strip() for line in lines[2:]] == ["cnn, 1", "cnn, 2"]
    with pytest.raises(SystemExit):
        step.main(["--model", "cnn", "perceptron"])
