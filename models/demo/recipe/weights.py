"""How much each token counts in training. Pure."""

OTHER_WEIGHT = 0.1


def target_weights(tokens: list[int], *, start: int, end: int, assistant: int) -> list[float]:
    """One for plain text and what the assistant writes, with its end mark; little for the rest."""
    if tokens[0] != start:
        return [1.0] * len(tokens)
    weights, speaking = [], False
    for i, token in enumerate(tokens):
        weights.append(1.0 if speaking else OTHER_WEIGHT)
        if token == end:
            speaking = False
        elif i >= 2 and tokens[i - 2] == start and tokens[i - 1] == assistant:
            speaking = True
    return weights
