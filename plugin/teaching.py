"""Let a larger reader teach the words of `voices.py`: it labels variations of the comments that people have labelled.

The reader is a sentence encoder, fitted to these comments. It hears what stands together and is far too large for the
service, which must stay small and quick; words that were weighed on what it read know part of what it knows. The idea
is that of Tang et al., "Distilling Task-Specific Knowledge from BERT into Simple Neural Networks" (2019), and of the
words exchanged for their neighbours in TinyBERT (Jiao et al., 2020). Like `learning_voices.py` the service never
imports this module; `manyvoices teach` calls it.
"""

import random
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from plugin.model import UNKNOWN
from plugin.stakeholders import all_types

# The commonest words of a list of vectors hold a sentence together, the rarest are names.
COMMONEST = 150
MOST_WORDS = 25_000
MOST_NEIGHBOURS = 12
NEAR = 0.45

# How often a word is exchanged in one variation: seldom, now and then, often.
EXCHANGED = (0.15, 0.3, 0.45)
SHORTEST_SENTENCE = 3

EPOCHS = 3
BATCH = 32
FASTEST = 1.5e-4
LONGEST = 96
# A voice that is less likely than this is not worth a row.
FAINTEST = 0.04


def neighbours_of(lines: Iterable[str], seen: Collection[str]) -> dict[str, list[str]]:
    """Return for each seen word the words that are used most like it.

    Args:
        lines: a word and its vector, parted by blanks, from the commonest word to the rarest, as GloVe comes.
        seen: the words of the texts, in small letters.

    Raises:
        ValueError: a line is not a word and numbers.
    """
    import numpy as np

    words, rows = [], []
    for word, *numbers in islice((line.split() for line in lines), COMMONEST, MOST_WORDS):
        if _CONTENT.fullmatch(word):
            words.append(word)
            rows.append(np.array(numbers, dtype=np.float32))
    matrix = np.stack(rows)
    matrix /= np.linalg.norm(matrix, axis=1, keepdims=True)
    near = {}
    for word, vector in zip(words, matrix, strict=True):
        if word in seen:
            likeness = matrix @ vector
            nearest = np.argsort(-likeness)[:MOST_NEIGHBOURS]
            near[word] = [words[n] for n in nearest if words[n] != word and likeness[n] > NEAR]
    return near


def variations(texts: Sequence[str], near: Mapping[str, Sequence[str]], times: int, dice: random.Random) -> list[str]:
    """Return variations of these texts, none twice: with some words exchanged, sentence by sentence, and mixed.

    Args:
        texts: what to vary.
        near: as `neighbours_of` returns it.
        times: how many variations of each text; of each sentence a third as many, and as many mixtures.
        dice: decides; the same dice give the same variations.
    """
    sentences = [one for text in texts for one in _SENTENCE_END.split(text) if one.count(" ") + 1 >= SHORTEST_SENTENCE]
    third = max(1, times // 3)
    found = dict.fromkeys(sentences)
    found |= dict.fromkeys(_varied(text, near, dice.choice(EXCHANGED), dice) for text in texts for _ in range(times))
    found |= dict.fromkeys(_varied(one, near, dice.choice(EXCHANGED), dice) for one in sentences for _ in range(third))
    for _ in range(len(texts) * third):
        some = dice.choices(sentences, k=dice.choice((2, 2, 3)))
        found[" ".join(_varied(one, near, EXCHANGED[1], dice) for one in some)] = None
    known = set(texts)
    return [one for one in found if one not in known]


def _varied(text: str, near: Mapping[str, Sequence[str]], share: float, dice: random.Random) -> str:
    def exchanged(match: re.Match[str]) -> str:
        word = match[0]
        others = near.get(word.lower())
        if not others or dice.random() > share:
            return word
        other = dice.choice(others)
        return other.capitalize() if word[0].isupper() else other

    return _LONG_WORD.sub(exchanged, text)


def taught(
    comments: Sequence[Mapping[str, Any]],
    texts: Sequence[str],
    encoder: Path,
    watch: Callable[[Iterable[Any], str], Iterable[Any]] = lambda some, _what: some,
) -> list[dict[str, Any]]:
    """Fit an encoder to labelled comments and return what it hears: each text with its `voices` and their shares.

    Args:
        comments: with `text` and `labels`.
        texts: to be heard.
        encoder: folder of a sentence encoder as the library transformers saves it (ours: all-MiniLM-L6-v2, Apache 2.0).
        watch: gives back what it is given one by one, to show how far it is.
    """
    import torch
    from transformers import AutoModel, AutoTokenizer

    torch.manual_seed(0)
    dice = random.Random(0)  # noqa: S311 - training, not secrets
    classes = (*all_types(), UNKNOWN)
    tokens = AutoTokenizer.from_pretrained(encoder)
    body = AutoModel.from_pretrained(encoder)
    head = torch.nn.Linear(body.config.hidden_size, len(classes))

    def numbers(some: Sequence[str]) -> list[list[int]]:
        return list(tokens(list(some), truncation=True, max_length=LONGEST)["input_ids"])

    def heard(some: Sequence[list[int]]) -> Any:
        padded = tokens.pad({"input_ids": list(some)}, return_tensors="pt")
        states = body(**padded).last_hidden_state
        there = padded["attention_mask"].unsqueeze(-1).float()
        middle = (states * there).sum(1) / there.sum(1)
        return head(torch.nn.functional.dropout(middle, 0.1, body.training))

    gold = torch.tensor([[float(name in one["labels"]) for name in classes] for one in comments])
    examples = numbers([one["text"] for one in comments])
    steps = EPOCHS * (len(examples) // BATCH + 1)
    groups = [{"params": body.parameters()}, {"params": head.parameters()}]
    optimiser = torch.optim.AdamW(groups, lr=FASTEST, weight_decay=0.01)
    # A new head learns twenty times faster than the words that the encoder knows already.
    pace = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, [FASTEST, 20 * FASTEST], total_steps=steps + EPOCHS, pct_start=0.1
    )
    body.train()
    for epoch in range(EPOCHS):
        for some in watch(_batches(examples, dice), f"Teaching {epoch + 1} of {EPOCHS}"):
            loss = torch.nn.functional.binary_cross_entropy_with_logits(heard([examples[n] for n in some]), gold[some])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            pace.step()
    body.eval()
    answers = numbers(texts)
    found: list[dict[str, Any]] = []
    with torch.inference_mode():
        for some in watch(_batches(answers, dice), "Listening"):
            for n, row in zip(some, torch.sigmoid(heard([answers[n] for n in some])).tolist(), strict=True):
                found.append({"text": texts[n], "voices": shares_of(dict(zip(classes, row, strict=True)))})
    return found


def shares_of(likely: Mapping[str, float]) -> dict[str, float]:
    """Return how much of a text each voice has; the faint ones have none, and all shares make one."""
    loud = {name: one for name, one in likely.items() if one > FAINTEST}
    total = sum(loud.values())
    return {name: round(one / total, 3) for name, one in loud.items()} if loud else {UNKNOWN: 1.0}


def _batches(rows: Sequence[Sequence[int]], dice: random.Random) -> list[list[int]]:
    """Return the numbers of these rows in a random order, those of a batch about equally long."""
    order = list(range(len(rows)))
    dice.shuffle(order)
    many = BATCH * 40
    batches = []
    for start in range(0, len(order), many):
        alike = sorted(order[start : start + many], key=lambda n: len(rows[n]))
        batches += [alike[n : n + BATCH] for n in range(0, len(alike), BATCH)]
    dice.shuffle(batches)
    return batches


# Exchanged, these would change who speaks, or whether it is so.
_JOINING = (
    "have|been|were|that|this|with|from|they|them|their|what|when|which|would|could|should|there|here|than|then|into|"
    "over|about|after|before|because|while|where|whose|will|shall|might|must|very|just|only|even|still|also|each|every|"
    "other|another|same|such|some|more|most|much|many|like|your|yours|mine|ours|himself|herself|myself|themselves|"
    "nobody|somebody|anybody|nothing|something|anything|never|always"
)
_CONTENT = re.compile(rf"(?!(?:{_JOINING})$)[a-z]{{4,}}")
_LONG_WORD = re.compile(r"[A-Za-z]{4,}")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")
