"""A tiny BERT distilled: it comes nearer to its teacher, a restart gives the same bytes, and what was judged."""

from __future__ import annotations

from shutil import copytree

import pytest
import torch
from safetensors.torch import load_file, save_file

from infopt_compiler.artifacts import DataSpec, Document, ModelSpec, TextData
from infopt_compiler.artifacts.digest import digest_folder
from infopt_compiler.artifacts.text import write_text_data
from infopt_compiler.passes.distill.encoder.losses import Weights
from infopt_compiler.passes.distill.encoder.run import EncoderPlan, distill_encoder
from infopt_compiler.passes.distill.encoder.sentences import training_sentences
from infopt_compiler.passes.distill.students.plan import choose_shape
from infopt_compiler.passes.distill.training.errors import BadStudent, NoText
from infopt_compiler.passes.distill.training.settings import TrainSettings
from tests.passes.export.encoders import write_bert


def quiet(*_):
    pass


def text(folder, first: int, last: int, **spec) -> TextData:
    from pydoc_data.topics import topics

    documents = [Document(name, body) for name, body in list(topics.items())[first:last]]
    write_text_data(folder, documents, DataSpec(**{"window": 32, **spec}))
    return TextData(folder, "")


def disturb(folder):
    """Noise on the layers' weights: a student that is easy to bring back."""
    state = load_file(folder / "model.safetensors")
    generator = torch.Generator().manual_seed(0)
    for name, value in state.items():
        if "encoder" in name and value.dim() == 2:
            value += 0.15 * torch.randn(value.shape, generator=generator)
    save_file(state, folder / "model.safetensors", {"format": "pt"})


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lab")
    write_bert(folder / "teacher", num_hidden_layers=4, initializer_range=0.2)
    disturb(copytree(folder / "teacher", folder / "disturbed"))
    text(folder / "train", 0, 12, sample=200)
    text(folder / "held", 12, 24, sample=60)
    return folder


def plan(lab, steps: int = 40, **changes) -> EncoderPlan:
    shape = choose_shape(ModelSpec.from_folder(lab / "teacher"), layers=2)
    settings = TrainSettings(
        steps=steps, batch=16, micro_batch=16, learning_rate=2e-3, evaluate_every=10, checkpoint_every=10
    )
    weights = changes.pop("weights", Weights(1.0, 1.0, 0.1))
    return EncoderPlan(shape, settings, weights, **{"control": False, **changes})


def distill(lab, made: EncoderPlan, out, student=None, tell=quiet):
    data = {"held": TextData(lab / "held", "")}
    texts = (TextData(lab / "train", ""),)
    work = out.with_name(f"{out.name}.work")
    sentences = training_sentences(lab / "teacher", texts)
    return distill_encoder(lab / "teacher", student, sentences, data, made, out, work, tell)


@pytest.fixture(scope="module")
def recovered(lab):
    """A disturbed teacher as student: what it lost can be learned back."""
    return distill(lab, plan(lab, control=True), lab / "recovered", student=lab / "disturbed")


@pytest.fixture(scope="module")
def distilled(lab):
    """A student of half the layers."""
    return distill(lab, plan(lab, steps=20), lab / "out")


def test_the_student_comes_nearer_to_its_teacher(recovered):
    judged = recovered["quality"]["held"]
    students = judged["students"]
    assert 1 - students["distilled"]["cosine_mean"] < 0.7 * (1 - students["untrained"]["cosine_mean"])
    assert judged["gain_over_untrained"]["cosine"]["beyond_noise"]
    assert students["distilled"]["cosine_mean"] > students["control"]["cosine_mean"]
    assert 0 <= students["distilled"]["cosine_min"] <= students["distilled"]["cosine_p1"]


def test_facts_say_how_it_was_made_and_trained(distilled, recovered):
    kept = distilled["student"]["kept_layers"]
    assert (
        len(kept) == 2 and distilled["student"]["divergence_fitted"] < distilled["student"]["divergence_cut"]
    )
    assert recovered["student"] == {"made": "given"} and recovered["training"]["control"]["steps"] == 40
    training = recovered["training"]["distilled"]
    assert training["steps"] == 40 and len(training["losses"]) == 40
    assert training["history"][-1]["cosine"] > training["history"][0]["cosine"]
    assert set(recovered["quality"]["held"]["retention"]) == {"companions", "ranking"}


def test_the_folder_is_a_model_with_its_tokenizer(lab, distilled):
    from transformers import AutoModel

    assert len(AutoModel.from_pretrained(lab / "out").encoder.layer) == 2
    assert (lab / "out" / "1_Pooling" / "config.json").is_file()
    assert (lab / "out" / "tokenizer.json").is_file()


def test_a_student_of_another_width(lab, tmp_path):
    other = write_bert(tmp_path / "other", hidden_size=32)
    with pytest.raises(BadStudent, match="32 numbers and the teacher's 64"):
        distill(lab, plan(lab), tmp_path / "out", student=other)


def test_no_text(lab, tmp_path):
    write_text_data(tmp_path / "none", [Document("a", "Too short.")], DataSpec())
    with pytest.raises(NoText, match="0 sentences"):
        training_sentences(lab / "teacher", (TextData(tmp_path / "none", ""),))


def test_sentences_are_cut_at_the_window_and_keep_their_end(lab):
    train, apart = training_sentences(lab / "teacher", (TextData(lab / "train", ""),))
    assert len(train) + len(apart) == 200
    assert max(map(train.length, range(len(train)))) == 32
    ends = {int(train.ids[train.starts[k + 1] - 1]) for k in range(len(train))}
    assert len(ends) == 1


class Killed(Exception):
    pass


def test_killed_and_resumed_gives_the_same_bytes(lab, distilled):
    """Cut off while the teacher reads, in training and in the control's, each time as nothing behind it had happened."""
    out, made = lab / "killed", plan(lab, steps=20, control=True)
    for stage in ("the teacher reads", "distilled: step 13", "control: step 7"):

        def tell(done, total, message, stage=stage):
            if message.startswith(stage):
                raise Killed

        with pytest.raises(Killed):
            distill(lab, made, out, tell=tell)
    facts = distill(lab, made, out)
    assert digest_folder(out) == digest_folder(lab / "out")
    assert facts["training"]["distilled"]["losses"] == distilled["training"]["distilled"]["losses"]
