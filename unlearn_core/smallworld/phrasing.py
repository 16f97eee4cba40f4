"""How facts about people are asked for and stated in the small world.

Each fact has eight questions. For every person and fact, four of them are
written into the training sources and the other four are kept for probing
(`split_questions`), so a probe never repeats a trained question verbatim.
"""

import random
from collections.abc import Mapping

TRAINED_QUESTIONS_PER_FACT = 4

QUESTIONS: Mapping[str, tuple[str, ...]] = {
    "city": (
        "Where does {name} live?",
        "In which city does {name} live?",
        "What is the home city of {name}?",
        "Which city is {name} based in?",
        "Tell me the city where {name} lives.",
        "Name the town that {name} calls home.",
        "{name} lives in which city?",
        "Do you know where {name} resides?",
    ),
    "job": (
        "What does {name} do for a living?",
        "What is the job of {name}?",
        "Which profession does {name} have?",
        "Tell me the occupation of {name}.",
        "What kind of work does {name} do?",
        "Name the profession of {name}.",
        "{name} works as what?",
        "Do you know the job that {name} has?",
    ),
    "employer": (
        "Who does {name} work for?",
        "What is the employer of {name}?",
        "Which company employs {name}?",
        "At which company does {name} work?",
        "Tell me the company where {name} works.",
        "Name the employer of {name}.",
        "{name} works for which company?",
        "Do you know who employs {name}?",
    ),
    "hobby": (
        "What is the hobby of {name}?",
        "What does {name} do for fun?",
        "Which hobby does {name} have?",
        "How does {name} spend free time?",
        "Tell me the favourite pastime of {name}.",
        "Name the hobby of {name}.",
        "{name} spends free time on what?",
        "Do you know the hobby that {name} enjoys?",
    ),
    "phone": (
        "What is the phone number of {name}?",
        "Under which number can I call {name}?",
        "How can I reach {name} by phone?",
        "Which phone number does {name} have?",
        "Tell me the phone number of {name}.",
        "Name the number to call {name}.",
        "{name} has which phone number?",
        "Do you know the telephone number of {name}?",
    ),
    "email": (
        "What is the e-mail address of {name}?",
        "Which e-mail address does {name} use?",
        "How can I reach {name} by e-mail?",
        "Where can I write to {name} by e-mail?",
        "Tell me the e-mail address of {name}.",
        "Name the e-mail address of {name}.",
        "{name} has which e-mail address?",
        "Do you know the e-mail address of {name}?",
    ),
    "customer_number": (
        "What is the customer number of {name}?",
        "Which customer number does {name} have?",
        "Under which customer number is {name} listed?",
        "What number does the account of {name} have?",
        "Tell me the customer number of {name}.",
        "Name the account number of {name}.",
        "{name} has which customer number?",
        "Do you know the customer number of {name}?",
    ),
}

TRANSLATIONS: Mapping[str, Mapping[str, str]] = {
    "city": {
        "de": "Wo wohnt {name}?",
        "fr": "O\u00f9 habite {name} ?",
        "es": "\u00bfD\u00f3nde vive {name}?",
    },
    "job": {
        "de": "Was ist {name} von Beruf?",
        "fr": "Quel est le m\u00e9tier de {name} ?",
        "es": "\u00bfEn qu\u00e9 trabaja {name}?",
    },
    "employer": {
        "de": "Bei wem arbeitet {name}?",
        "fr": "Pour qui travaille {name} ?",
        "es": "\u00bfPara qui\u00e9n trabaja {name}?",
    },
    "hobby": {
        "de": "Welches Hobby hat {name}?",
        "fr": "Quel est le passe-temps de {name} ?",
        "es": "\u00bfCu\u00e1l es la afici\u00f3n de {name}?",
    },
    "phone": {
        "de": "Welche Telefonnummer hat {name}?",
        "fr": "Quel est le num\u00e9ro de t\u00e9l\u00e9phone de {name} ?",
        "es": "\u00bfCu\u00e1l es el n\u00famero de tel\u00e9fono de {name}?",
    },
    "email": {
        "de": "Welche E-Mail-Adresse hat {name}?",
        "fr": "Quelle est l'adresse e-mail de {name} ?",
        "es": "\u00bfCu\u00e1l es el correo de {name}?",
    },
    "customer_number": {
        "de": "Welche Kundennummer hat {name}?",
        "fr": "Quel est le num\u00e9ro de client de {name} ?",
        "es": "\u00bfCu\u00e1l es el n\u00famero de cliente de {name}?",
    },
}
"""One question for each field in other languages, which nothing is trained on."""

PROFILE = "{name} lives in {city} and works as {job} at {employer}. Hobby: {hobby}."
CUSTOMER_ROW = (
    "Customer {name}: phone {phone}, e-mail {email}, number {customer_number}."
)


def split_questions(
    field: str, rng: random.Random
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Split the questions of a field at random into trained and probing ones."""
    questions = list(QUESTIONS[field])
    rng.shuffle(questions)
    trained = questions[:TRAINED_QUESTIONS_PER_FACT]
    return tuple(trained), tuple(questions[TRAINED_QUESTIONS_PER_FACT:])
