from collections.abc import Callable

import pytest

from velocity_local.core.formats import AnswerFormat, JsonFormat
from velocity_local.worker.backends.fake.tokenizer import ByteTokenizer
from velocity_local.worker.constraints.compiler import Compiler
from velocity_local.worker.constraints.grammars import lark_of
from velocity_local.worker.constraints.vocabulary import Vocabulary

Accepts = Callable[[str], bool]


class Formats:
    """Compiles formats over a vocabulary of bytes."""

    def __init__(self) -> None:
        self.vocabulary = Vocabulary(ByteTokenizer())
        self.vocabulary.start()
        self.compiler = Compiler(self.vocabulary)

    def accepting(self, answer_format: AnswerFormat) -> Accepts:
        """Tells of whole answers whether they are in the format.

        Raises:
            RequestError: if the format is refused.
        """
        start = self.compiler.constraint(lark_of(answer_format), answer_format.param)

        def accepts(answer: str) -> bool:
            constraint = start.copy()
            tokens = answer.encode("utf-8", "surrogatepass")
            is_taken = all(constraint.accept(token) for token in tokens)
            return is_taken and constraint.may_end

        return accepts

    def of_schema(self, schema: object) -> Accepts:
        return self.accepting(JsonFormat(param="schema", schema=schema))  # type: ignore[arg-type]  # hostile on purpose


@pytest.fixture(scope="session")
def formats() -> Formats:
    return Formats()
