"""llama.cpp's grammars, whole: what they accept after translation."""

import pytest

from tests.unit.worker.constraints.vocabularies import grammar, vocabulary
from velocity_local.core.errors import InvalidFormat
from velocity_local.worker.constraints.gbnf import to_lark
from velocity_local.worker.constraints.vocabulary import Vocabulary

ARITHMETIC = r"""
# sums, as llama.cpp's README has them
root  ::= (expr "=" ws term "\n")+
expr  ::= term ([-+*/] term)*
term  ::= num | "(" ws expr ")" ws
num   ::= [0-9]+ ws
ws    ::= [ \t\n]*
"""
LIST = """
root ::= item+
item ::= "- " [^\\r\\n\\x0b\\x0c\\u0085\\u2028\\u2029]+ "\\n"
"""
CASES = [
    (ARITHMETIC, ["1 +2= 3\n", "(1)*2=2\n1=1\n"], ["1 +", "1=1", "a=1\n"]),
    (LIST, ["- a\n", "- a\n- é\n"], ["a\n", "- \n", ""]),
    ('root ::= "a" | "b" root', ["a", "ba", "bba"], ["b", "ab", ""]),
    ('root ::= "x"{2}', ["xx"], ["x", "xxx"]),
    ('root ::= "x"{2,}', ["xx", "xxxx"], ["x"]),
    ('root ::= "x"{1,2} "y"?', ["x", "xx", "xy"], ["y", "xxx"]),
    ('root ::= ("a" | "") "b"', ["ab", "b"], ["a"]),
    ('root ::= a-b\na-b ::= "\\"" [\\]a-c] "\\"" # quoted', ['"]"', '"b"'], ['"d"']),
    ('root ::= . "/" .', ["a/b", "\n//"], ["a/", "ab"]),
    ('root ::=\n  "a"\n  "b"\n', ["ab"], ["a"]),
    (r'root ::= "\x41" "\u00e9" "\U0001F600"', ["Aé😀"], ["A"]),
    (r"root ::= [\x41-\x43]+", ["ABC"], ["D"]),
]


@pytest.fixture(scope="module")
def words() -> Vocabulary:
    return vocabulary()


@pytest.mark.parametrize(("source", "inside", "outside"), CASES)
def test_the_language_is_the_same(
    source: str, inside: list[str], outside: list[str], words: Vocabulary
) -> None:
    start = grammar(to_lark(source, "grammar"), words)
    for text, is_in in [*((t, True) for t in inside), *((t, False) for t in outside)]:
        constraint = start.copy()
        is_taken = all(constraint.accept(byte) for byte in text.encode())
        assert (is_taken and constraint.may_end) is is_in, text


WRONG = {
    'root = "a"': "root ::=",
    'start ::= "a"': "root",
    "root ::= other": "other",
    'root ::= "a': "line 1",
    'root ::= ("a"': ")",
    'root ::= "a" )': "line 1",
    "root ::= [b-a]": "backwards",
    'root ::= "a"{3,2}': "range",
    'root ::= "a"\nother ::= ]': "line 2",
    "root ::= " + "(" * 200 + '"a"' + ")" * 200: "groups",
    "": "root",
}


@pytest.mark.parametrize("source", WRONG)
def test_what_is_wrong_is_told(source: str) -> None:
    with pytest.raises(InvalidFormat) as caught:
        to_lark(source, "grammar")
    assert WRONG[source] in caught.value.message
    assert caught.value.param == "grammar"
