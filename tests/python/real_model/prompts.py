"""Two datasets with corrupted counterparts: which of two people is meant, and the capitals of countries."""

import csv
import itertools
import random
from dataclasses import dataclass

NAMES = ["Mary", "John", "Tom", "James", "Dan", "Martin", "Amy", "Robert", "Anna", "Michael", "Sarah", "David"]
ERRANDS = [
    ("store", "drink"), ("park", "ball"), ("school", "book"), ("office", "computer"), ("garden", "basket"), ("house", "ring"),
]
CAPITALS = {
    "France": "Paris", "Italy": "Rome", "Germany": "Berlin", "Japan": "Tokyo", "Russia": "Moscow", "Greece": "Athens",
    "Egypt": "Cairo", "Spain": "Madrid", "England": "London", "China": "Beijing", "Cuba": "Havana", "Austria": "Vienna",
}


@dataclass(frozen=True)
class Prompt:
    clean: str
    corrupted: str
    answer: str
    # What the corrupted prompt is answered with.
    wrong: str


def indirect_objects():
    """Each prompt names two people; in the corrupted one the other of them gives."""
    pairs = random.Random(0).sample(list(itertools.permutations(NAMES, 2)), 24)
    givers = itertools.cycle([0, 1])
    return [indirect_object(pair, giver, *errand) for pair, giver, errand in zip(pairs, givers, itertools.cycle(ERRANDS))]


def indirect_object(pair, giver, place, thing):
    def tale(name):
        return f"When {pair[0]} and {pair[1]} went to the {place}, {name} gave a {thing} to"

    gives, gets = pair[giver], pair[1 - giver]
    return Prompt(tale(gives), tale(gets), f" {gets}", f" {gives}")


def capitals():
    """The corrupted prompt asks for another country's."""
    asked = "The capital of {} is the city of"
    countries = list(CAPITALS)
    others = countries[1:] + countries[:1]
    return [Prompt(asked.format(one), asked.format(other), f" {CAPITALS[one]}", f" {CAPITALS[other]}")
            for one, other in zip(countries, others)]


DATASETS = {"ioi": indirect_objects, "capitals": capitals}


def write(prompts, path):
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["prompt", "answer", "wrong", "corrupted"])
        table.writerows([prompt.clean, prompt.answer, prompt.wrong, prompt.corrupted] for prompt in prompts)
