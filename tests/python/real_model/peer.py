"""What transformers computes: one whole forward pass for a run, one more for each cell."""

import pathlib
import statistics
import sys
import time

import torch
from transformers import AutoTokenizer

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "reference/families"))
from hooked import Hooked  # noqa: E402

METRICS = ["logit_diff", "logprob"]


class Peer:
    def __init__(self, folder):
        self.hooked = Hooked(folder)
        self.tokenizer = AutoTokenizer.from_pretrained(folder)


class Runs:
    """Those of one dataset. Scores are [metric, prompt]."""

    def __init__(self, peer, prompts):
        self.hooked = peer.hooked
        encode = lambda texts: torch.tensor(peer.tokenizer(texts, add_special_tokens=False).input_ids)
        self.clean, self.corrupted = (encode([getattr(each, run) for each in prompts]) for run in ("clean", "corrupted"))
        self.answers, self.wrong = (encode([getattr(each, kind) for each in prompts])[:, :1] for kind in ("answer", "wrong"))
        self.others = {}
        self.seconds = []

    def score(self, tokens):
        logits = self.last(tokens)
        right = logits.gather(1, self.answers)
        logprob = right - logits.logsumexp(1, keepdim=True)
        return torch.cat([right - logits.gather(1, self.wrong), logprob], 1).T.numpy()

    def last(self, tokens):
        return self.hooked.logits(tokens)[:, -1]

    def clean_behind(self, token):
        return torch.cat([torch.full_like(self.answers, token), self.clean], 1)

    def first_choices(self, tokens):
        """How many answers have the largest logit of all tokens, and how many a larger one than the wrong answer."""
        logits = self.last(tokens)
        right = logits.gather(1, self.answers)
        first = (logits.argmax(1, keepdim=True) == self.answers).sum()
        return int(first), int((right > logits.gather(1, self.wrong)).sum())

    def cell(self, component, layer, place):
        """The clean run with the corrupted run's activation at a place [prompt, position, ..]."""
        if (component, layer) not in self.others:
            self.others[component, layer] = self.hooked.read(self.corrupted, component, layer)
        other = self.others[component, layer]

        def patch(activation):
            activation[place] = other[place]

        begin = time.perf_counter()
        with self.hooked.edited(component, layer, patch):
            scores = self.score(self.clean)
        self.seconds.append(time.perf_counter() - begin)
        return scores

    def seconds_per_cell(self):
        return statistics.median(self.seconds)
