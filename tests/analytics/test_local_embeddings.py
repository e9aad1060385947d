"""The local provider: same texts, same vectors; alike in taste, near in space."""

import io
import pickle
import random

import numpy as np
import pytest

from analytics.embeddings.artefact import packed
from analytics.embeddings.base import ArtefactError, NotFittedError
from analytics.embeddings.local import LocalProvider

FAMILIES = ["Riesling", "Pinot Noir", "Port", "Champagne", "Malbec", "Tokaji"]
HOUSES = ["Adler", "Berg", "Castel", "Dom"]
OTHERS = ["dry", "sweet", "picnics", "gifts", "autumn", "spring", "web shop", "cellar door"]


def taste(family: int, dice: random.Random) -> str:
    side = dice.choice(FAMILIES)
    notes = ", ".join(dice.sample(OTHERS, 2))
    return f"Families: mostly {FAMILIES[family]}, some {side}.\nNotes: {notes}."


def corpus(count: int = 300) -> tuple[list[str], list[int]]:
    dice = random.Random(4)  # noqa: S311 (which text, not a secret)
    groups = [at % len(FAMILIES) for at in range(count)]
    return [taste(group, dice) for group in groups], groups


def same_taste_among_ten(texts: list[str], groups: list[int]) -> float:
    vectors = LocalProvider().fit(texts).embed(texts)
    near = vectors @ vectors.T
    np.fill_diagonal(near, -2)
    nearest = np.argsort(-near, axis=1)[:, :10]
    return float((np.array(groups)[nearest] == np.array(groups)[:, None]).mean())


def test_neighbours_are_of_the_same_taste() -> None:
    dice = random.Random(8)  # noqa: S311 (which text, not a secret)
    texts, groups = corpus()
    whole = [
        f"{text}\nProducts: {', '.join(f'{FAMILIES[group]} {dice.choice(HOUSES)}' for _ in 'ab')}."
        for text, group in zip(texts, groups, strict=True)
    ]
    assert same_taste_among_ten(whole, groups) > 0.9


def test_neighbours_are_of_the_same_taste_more_often_than_by_chance_in_noisy_texts() -> None:
    # One word of the text tells the taste, three are drawn at random; by chance it is 1 in 6.
    assert same_taste_among_ten(*corpus()) > 0.5


def test_vectors_are_short_floats_of_length_one_around_the_middle() -> None:
    texts, _ = corpus()
    vectors = LocalProvider(dimension=16).fit(texts).embed(texts)
    assert vectors.dtype == np.float32
    assert vectors.shape == (300, 16)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert np.linalg.norm(vectors.mean(axis=0)) < 0.1


def test_the_order_of_the_texts_changes_nothing() -> None:
    texts, _ = corpus(60)
    one = LocalProvider(seed=3).fit(texts)
    other = LocalProvider(seed=3).fit(texts[::-1])
    assert one.serialise() == other.serialise()


def test_a_text_has_the_same_vector_alone_and_in_a_batch() -> None:
    texts, _ = corpus(60)
    model = LocalProvider().fit(texts)
    np.testing.assert_array_equal(model.embed(texts)[7:8], model.embed(texts[7:8]))


def test_a_stored_model_gives_the_same_vectors_and_terms_again() -> None:
    texts, _ = corpus(60)
    model = LocalProvider(dimension=24, seed=9).fit(texts)
    again = LocalProvider().restored(model.serialise())
    assert (again.dimension, again.seed) == (24, 9)
    np.testing.assert_array_equal(again.embed(texts), model.embed(texts))
    assert again.terms_in_common(texts[0], texts[6]) == model.terms_in_common(texts[0], texts[6])
    assert again.serialise() == model.serialise()


@pytest.mark.parametrize("texts", [[], [""], ["", " "], ["dry wine"], ["dry wine"] * 5])
def test_too_little_to_compare_gives_zeros_of_full_width(texts: list[str]) -> None:
    vectors = LocalProvider().fit(texts).embed([*texts, "dry", ""])
    assert vectors.shape == (len(texts) + 2, 128)
    assert np.isfinite(vectors).all()
    assert not vectors[-1].any()
    assert not vectors[: len(texts)].any()


def test_two_texts_are_enough_to_be_apart() -> None:
    vectors = (
        LocalProvider().fit(["dry Riesling", "sweet Port"]).embed(["dry Riesling", "sweet Port"])
    )
    assert vectors.shape == (2, 128)
    assert float(vectors[0] @ vectors[1]) == pytest.approx(-1)


def test_words_the_model_never_saw_say_nothing() -> None:
    texts, _ = corpus(60)
    assert not LocalProvider().fit(texts).embed(["zzz qqq", "!?"]).any()


def test_the_terms_in_common_tell_the_taste_and_not_the_form() -> None:
    texts, _ = corpus()
    model = LocalProvider().fit(texts)
    found = model.terms_in_common(
        "Families: mostly Pinot Noir.\nNotes: picnics.",
        "Families: mostly Pinot Noir.\nNotes: gifts.",
    )
    assert {"mostly pinot", "pinot noir"} == {one.term for one in found}
    assert all(0 < one.part <= 1 for one in found)
    assert model.terms_in_common("Families: Port.", "Families: Malbec.") == []


def test_terms_beyond_the_limit_are_the_rarest() -> None:
    model = LocalProvider(most_terms=2).fit(["dry", "dry", "sweet", "sweet", "brut"])
    assert model.learned is not None
    assert list(model.learned.columns) == ["dry", "sweet"]


def test_of_too_many_texts_the_seed_draws_a_part() -> None:
    texts, _ = corpus(60)
    part = LocalProvider(most_texts=20)
    assert part.fit(texts).serialise() == part.fit(texts).serialise()
    assert part.fit(texts).serialise() != LocalProvider().fit(texts).serialise()


def test_a_model_that_learned_nothing_says_so() -> None:
    with pytest.raises(NotFittedError, match="fit"):
        LocalProvider().embed(["dry"])


def no_npz() -> bytes:
    out = io.BytesIO()
    np.savez(out, head=np.array([{"made_by": "local-1"}], dtype=object))
    return out.getvalue()


@pytest.mark.parametrize("artefact", [
    b"", b"PK", b"no zip", pickle.dumps({"made_by": "local-1"}), no_npz(), packed({}, {}),
    packed({"made_by": "openai-1"}, {}), packed({"made_by": "local-1"}, {}),
    packed(
        {"made_by": "local-1", "dimension": 2, "seed": 0, "terms": ["a"]},
        {"idf": np.ones(1), "directions": np.ones((1, 3)), "centre": np.ones(2)},
    ),
    packed(
        {"made_by": "local-1", "dimension": 2, "seed": 0, "terms": ["a", "a"]},
        {"idf": np.ones(2), "directions": np.ones((2, 2)), "centre": np.ones(2)},
    ),
])  # fmt: skip
def test_a_damaged_or_foreign_artefact_is_refused(artefact: bytes) -> None:
    with pytest.raises(ArtefactError):
        LocalProvider().restored(artefact)


def test_a_cut_artefact_is_refused() -> None:
    texts, _ = corpus(12)
    whole = LocalProvider(dimension=4).fit(texts).serialise()
    for end in range(0, len(whole), 97):
        with pytest.raises(ArtefactError):
            LocalProvider().restored(whole[:end])
