"""Names: what a caller may write, what a hub may call its files, and which model is meant."""

import pytest

from velocity_local.core.errors import InvalidRequest, ModelNotFound
from velocity_local.daemon.catalog.downloads.reference import Reference, is_safe_path, parse
from velocity_local.daemon.catalog.downloads.variants import choose, model_id, variants
from velocity_local.daemon.catalog.hub import HubFile, Repository


def repository(*paths: str) -> Repository:
    files = tuple(HubFile(path, 10 + index, "0" * 64) for index, path in enumerate(paths))
    return Repository("o/r", "0" * 40, files)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("owner/Model-1.5B-GGUF", Reference("owner/Model-1.5B-GGUF")),
        ("owner/model:Q4_K_M", Reference("owner/model", "Q4_K_M")),
        ("owner/model@q8_0", Reference("owner/model", "q8_0")),
        ("owner/model/a-Q8_0.gguf", Reference("owner/model", None, "a-Q8_0.gguf")),
        ("owner/model/BF16/a.gguf", Reference("owner/model", None, "BF16/a.gguf")),
    ],
)
def test_a_reference_is_read(text: str, expected: Reference) -> None:
    assert parse(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "", "model", "/owner/model", "owner/", "../model", "owner/..", "owner/mo..del", "-o/model",
        "owner/model:", "owner/model:../x", "owner/model/../../x.gguf", "owner/model/x.bin",
        "owner/model/.hidden.gguf", "https://example.com/x.gguf", "owner\\model", "owner/model\n",
        "owner/model/a\\b.gguf", "owner/model/c:x.gguf", "con/model", "o/" + "m" * 600,
    ],
)  # fmt: skip
def test_what_is_no_reference_is_refused_with_how_to_write_one(text: str) -> None:
    with pytest.raises(InvalidRequest):
        parse(text)


@pytest.mark.parametrize(
    "path",
    [
        "../x.gguf", "/x.gguf", "a/../x.gguf", "a//x.gguf", "./x.gguf", "a\\x.gguf", "c:x.gguf",
        "C:/x.gguf", "x.gguf.", "x.gguf ", "nul.gguf", "COM1/x.gguf", "x\x00.gguf", "x\n.gguf",
        "a/b/c/d/x.gguf", "\u202egguf.x", "", "x:stream.gguf", ".cache/x.gguf", "x" * 300,
    ],
)  # fmt: skip
def test_an_evil_name_is_not_safe_and_never_offered(path: str) -> None:
    assert not is_safe_path(path)
    assert variants(repository(path)) == ()


@pytest.mark.parametrize(
    ("path", "quantization"),
    [
        ("Qwen3-0.6B-Q4_K_M.gguf", "Q4_K_M"),
        ("qwen2.5-0.5b-instruct-q4_k_m.gguf", "Q4_K_M"),
        ("gemma-3-4b-it-UD-Q4_K_XL.gguf", "UD-Q4_K_XL"),
        ("model.IQ2_XXS.gguf", "IQ2_XXS"),
        ("gpt-oss-20b-mxfp4.gguf", "MXFP4"),
        ("BF16/model-BF16.gguf", "BF16"),
        ("model-f16.gguf", "F16"),
        ("llama-TQ1_0.gguf", "TQ1_0"),
        ("my-model.gguf", ""),
    ],
)
def test_the_quantization_is_read_from_the_name(path: str, quantization: str) -> None:
    (variant,) = variants(repository(path))
    assert variant.quantization == quantization


def test_parts_are_one_model_only_if_all_are_there() -> None:
    names = [f"m-Q8_0-0000{number}-of-00003.gguf" for number in (1, 2, 3)]
    (variant,) = variants(repository(*names))
    assert (variant.files, variant.size_bytes) == (tuple(names), 10 + 11 + 12)
    assert model_id(repository(*names), variant) == "o/r/m-Q8_0"
    assert variants(repository(*names[:2])) == ()
    assert variants(repository(names[0], names[0], names[2])) == ()


def test_projectors_and_matrices_are_no_models() -> None:
    assert variants(repository("mmproj-model-f16.gguf", "imatrix.gguf", "README.md")) == ()


def test_the_quantization_is_found_in_any_case() -> None:
    found = choose(repository("m-Q4_K_M.gguf", "m-Q8_0.gguf"), Reference("o/r", "q8_0"))
    assert found.files == ("m-Q8_0.gguf",)


def test_a_file_that_is_a_part_brings_the_whole_model() -> None:
    names = ("m-Q8_0-00001-of-00002.gguf", "m-Q8_0-00002-of-00002.gguf")
    assert choose(repository(*names), Reference("o/r", file=names[1])).files == names


def test_without_a_choice_the_only_model_is_meant() -> None:
    assert choose(repository("m-Q8_0.gguf"), Reference("o/r")).quantization == "Q8_0"


@pytest.mark.parametrize(
    ("paths", "reference", "error", "told"),
    [
        (("m-Q8_0.gguf", "m-F16.gguf"), Reference("o/r"), InvalidRequest, "Q8_0, F16"),
        (("a-Q8_0.gguf", "b-Q8_0.gguf"), Reference("o/r", "Q8_0"), InvalidRequest, "a-Q8_0.gguf"),
        (("m-Q8_0.gguf",), Reference("o/r", "Q4_K_M"), ModelNotFound, "it has Q8_0"),
        (("m-Q8_0.gguf",), Reference("o/r", file="x.gguf"), ModelNotFound, "no x.gguf"),
        (("x.safetensors",), Reference("o/r"), ModelNotFound, "no model in GGUF"),
    ],
)
def test_a_choice_that_is_none_tells_what_there_is(
    paths: tuple[str, ...], reference: Reference, error: type[Exception], told: str
) -> None:
    with pytest.raises(error, match=told):
        choose(repository(*paths), reference)


MLX_FILES = ("config.json", "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors",
             "tokenizer.json", "tokenizer_config.json")  # fmt: skip


def for_mlx(*paths: str, name: str = "o/r-4bit") -> Repository:
    return repository(*paths)._replace(id=name, is_mlx=True)


def test_a_repository_for_mlx_is_one_model_of_its_safe_files() -> None:
    others = ("README.md", "modeling.py", "pytorch_model.bin", "a/b.safetensors", "../config.json")
    found = for_mlx(*MLX_FILES, *others)
    (variant,) = variants(found)
    assert (variant.format, variant.quantization) == ("mlx", "4bit")
    assert (variant.files, variant.size_bytes) == (MLX_FILES, 10 + 11 + 12 + 13 + 14)
    assert model_id(found, variant) == "o/r-4bit"
    assert choose(found, Reference("o/r-4bit", "4BIT")) == variant


@pytest.mark.parametrize("missing", ["config.json", "tokenizer.json", MLX_FILES[1]])
def test_a_repository_for_mlx_that_lacks_a_part_is_no_model(missing: str) -> None:
    assert variants(for_mlx(*(path for path in MLX_FILES if path != missing))) == ()


def test_weights_that_are_not_for_mlx_are_not_offered() -> None:
    assert variants(repository(*MLX_FILES)) == ()
