"""What can be learnt from texts without a pretrained model: regression on word counts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from graft.types import FloatArray, IntArray

MOST_TERMS = 50_000
FEW_TERMS = 2000  # where they must be a dense matrix
PENALTY = 10.0  # scikit-learn's C; unit-length rows need a weaker penalty than its default 1


def word_weights(train_texts: Sequence[str], texts: Sequence[str]) -> tuple[FloatArray, FloatArray]:
    """TF-IDF weights of the most frequent words, for both lists of texts; all 0 without any word.

    Args:
        train_texts: The N texts that the words come from.
        texts: M others.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer

    words = TfidfVectorizer(sublinear_tf=True, max_features=FEW_TERMS, token_pattern=r"(?u)\b\w+\b")
    try:
        known = words.fit_transform(train_texts).toarray()
    except ValueError:  # no word in any text
        return np.zeros((len(train_texts), 1)), np.zeros((len(texts), 1))
    return known, words.transform(texts).toarray()


def tf_idf(
    train_texts: Sequence[str], train_targets: IntArray, texts: Sequence[str], classes: int
) -> FloatArray:
    """Logistic regression on TF-IDF weights of words and pairs of words, (N, C) probabilities.

    Sublinear counts, unit-length rows (Salton and Buckley 1988).

    Args:
        train_texts: The texts to learn from.
        train_targets: Their class indices.
        texts: The N texts to answer for.
        classes: C; a class without a training text gets probability 0.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    present = np.unique(train_targets)
    answer = np.zeros((len(texts), classes))
    if len(present) < 2 or not len(texts):
        answer[:, present] = 1.0
        return answer
    words = TfidfVectorizer(
        sublinear_tf=True, ngram_range=(1, 2), max_features=MOST_TERMS, token_pattern=r"(?u)\b\w+\b"
    )
    try:
        known = words.fit_transform(train_texts)
    except ValueError:  # no word in any text
        answer[:, present] = 1.0 / len(present)
        return answer
    model = LogisticRegression(C=PENALTY, max_iter=1000).fit(known, train_targets)
    answer[:, model.classes_] = model.predict_proba(words.transform(texts))
    return answer
