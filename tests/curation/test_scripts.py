"""A response that falls into a script its prompt does not use is found; formulas are not."""

import pytest

from curation.scripts import mixes_scripts, scripts


@pytest.mark.parametrize(
    ("response", "prompt", "mixed"),
    [
        ("We add 3 and 4.", "What is 3 + 4?", False),
        ("We add, 然后 we stop.", "What is 3 + 4?", True),
        ("Ответ: 7", "What is 3 + 4?", True),
        # One letter may be an example.
        ("The character 的 is a particle.", "Which particle is most common?", False),
        # Latin and Greek are in formulas.
        ("设 x = α + β", "求 x", False),
        # The prompt's own scripts are free.
        ("“猫” means cat.", "What does 猫 mean?", False),
    ],
)
def test_foreign_letters_make_a_response_mixed(response, prompt, mixed):
    assert mixes_scripts(response, prompt) is mixed


def test_latin_and_greek_are_no_scripts_of_their_own():
    assert scripts("naïve α 7") == frozenset()
    assert scripts("ねこ 猫") == {"kana", "han"}
