"""The commands about models and their adapters, for the table in `commands`."""

from velocity_local.cli.command import HOST, JSON, MODEL, VERBS, Argument, Command, option
from velocity_local.core.tuning import DEFAULT_BUDGET_S

_GROUP = "Models"

MODEL_COMMANDS: tuple[Command, ...] = (
    Command(
        "pull",
        _GROUP,
        "fetch a model from the Hugging Face hub",
        VERBS + "pull:pull",
        (
            Argument(
                ("model",),
                "OWNER/REPO:QUANT or OWNER/REPO/FILE.gguf; OWNER/REPO lists what there is",
                is_optional=True,
            ),
            option("--yes", help="take Q4_K_M if the repository has several and it is there"),
            option("--cancel", help="end this download instead", metavar="ID"),
            option("--pause", help="stop this download and keep what has come", metavar="ID"),
            option("--resume", help="go on with this download", metavar="ID"),
            HOST,
            JSON,
        ),
        details="Broken off at any byte, it goes on from there when it is pulled again. HF_ENDPOINT"
        " and HF_TOKEN are read by the daemon when it starts.",
    ),
    Command(
        "search",
        _GROUP,
        "models that could be fetched, and whether they fit this machine",
        VERBS + "search:search",
        (
            Argument(("text",), "words to look for", is_optional=True, default=""),
            option(
                "--use",
                help="only models for this",
                metavar="USE",
                choices=("chat", "code", "reasoning", "vision", "embeddings", "rerank"),
            ),
            option("--mlx", help="models in MLX's format instead of GGUF"),
            option("--limit", help="most repositories", metavar="N", parse=int, default=10),
            option("--all", help="every quantization, also those that do not fit"),
            option("--offline", help="only the list that is shipped"),
            HOST,
            JSON,
        ),
        details="Names of the shipped list can be pulled as they are: velocity-local pull qwen3-4b",
    ),
    Command(
        "scan",
        _GROUP,
        "models of other programs on this machine",
        VERBS + "library:scan",
        (
            Argument(("folder",), "look below it instead", is_optional=True),
            HOST,
            JSON,
        ),
        details="Looks into the Hugging Face cache, Ollama and LM Studio.",
    ),
    Command(
        "import",
        _GROUP,
        "take over a model that is here, without copying it",
        VERBS + "library:import_",
        (
            Argument(("path",), "its GGUF file, or one that `scan` shows"),
            option("--name", help="the name it is to have", metavar="ID"),
            HOST,
            JSON,
        ),
    ),
    Command(
        "verify",
        _GROUP,
        "compare a model's files with what was promised of them",
        VERBS + "library:verify",
        (MODEL, HOST, JSON),
        details="Exit status 1 if the bytes of one are not right.",
    ),
    Command(
        "quantize",
        _GROUP,
        "write a model of 16 or 32 bits in a smaller type",
        VERBS + "quantize:quantize",
        (
            MODEL,
            Argument(("type",), "the type, for example Q4_K_M"),
            option("--name", help="the name it is to have", metavar="ID"),
            HOST,
            JSON,
        ),
        details="By llama.cpp's quantizer, which takes all cores but lets answers go first.",
    ),
    Command(
        "rm",
        _GROUP,
        "remove a model's files",
        VERBS + "library:rm",
        (MODEL, option("--yes", help="do not ask"), HOST, JSON),
        details="What another program keeps too stays there.",
    ),
    Command("disk", _GROUP, "what each model takes", VERBS + "library:disk", (HOST, JSON)),
    Command(
        "gc",
        _GROUP,
        "remove parts of downloads that nobody continues",
        VERBS + "library:gc",
        (option("--dry-run", help="only tell what would go"), HOST, JSON),
    ),
    Command("ps", _GROUP, "models in memory", VERBS + "models:ps", (HOST, JSON)),
    Command(
        "list",
        _GROUP,
        "models on this machine",
        VERBS + "models:list_",
        (option("--ids", help="print only the ids, one a line"), HOST, JSON),
        aliases=("ls",),
    ),
    Command(
        "show",
        _GROUP,
        "what is known of a model",
        VERBS + "models:show",
        (
            MODEL,
            option("--effective", help="how it is loaded, and where each value comes from"),
            HOST,
            JSON,
        ),
    ),
    Command(
        "tune",
        _GROUP,
        "measure how a model runs best on this machine",
        VERBS + "tune:tune",
        (
            MODEL,
            option(
                "--budget",
                help="seconds it may take",
                metavar="S",
                parse=float,
                default=DEFAULT_BUDGET_S,
            ),
            option("--allow-quality", help="also try KV types that change answers a little"),
            option("--forget", help="forget what was measured instead"),
            HOST,
            JSON,
        ),
        details="Threads, tokens of a pass and fused attention are tried in turns; what is clearly"
        " faster is used whenever the model is loaded. What you have set yourself is left alone."
        " Do nothing else with the machine meanwhile.",
    ),
    Command(
        "fit",
        _GROUP,
        "whether a model fits this machine, and with what",
        VERBS + "fit:fit",
        (
            MODEL,
            option("--ctx", help="tokens of KV cache, shared by all", metavar="N", parse=int),
            option("--parallel", help="sequences at once", metavar="N", parse=int),
            option(
                "--kv-type",
                help="number format of the KV cache",
                metavar="TYPE",
                choices=("f16", "q8_0", "f32"),
            ),
            option("--gpu-layers", help="layers on the GPU; -1 for all", metavar="N", parse=int),
            HOST,
            JSON,
        ),
        details="Nothing is loaded: the engine is asked for sizes. Exit code 5 if it does not fit.",
    ),
    Command(
        "load",
        _GROUP,
        "load a model now",
        VERBS + "fit:load",
        (
            MODEL,
            option(
                "--keep-alive",
                help="seconds it stays unused; 0 for ever",
                metavar="S",
                parse=float,
            ),
            HOST,
            JSON,
        ),
        details="Exit code 5 if it does not fit.",
    ),
    Command(
        "unload",
        _GROUP,
        "unload a model once its requests are done",
        VERBS + "fit:unload",
        (MODEL, HOST, JSON),
    ),
    Command(
        "pin",
        _GROUP,
        "keep a model loaded whatever else is wanted",
        VERBS + "fit:pin",
        (MODEL, HOST, JSON),
    ),
    Command(
        "unpin", _GROUP, "let a model go for another", VERBS + "fit:unpin", (MODEL, HOST, JSON)
    ),
    Command(
        "events",
        _GROUP,
        "models that were unloaded or refused, and why",
        VERBS + "fit:events",
        (HOST, JSON),
    ),
    Command(
        "cache kv",
        _GROUP,
        "what is kept of earlier prompts",
        VERBS + "cache:kv",
        (HOST, JSON),
        details="A prompt that begins like one of these does not compute that part again.",
    ),
    Command(
        "adapters list",
        _GROUP,
        "LoRA adapters and the models they belong to",
        VERBS + "adapters:list_",
        (
            option("--model", help="only this model's", metavar="ID", completes="models"),
            HOST,
            JSON,
        ),
    ),
    Command(
        "adapters add",
        _GROUP,
        "give a LoRA adapter a name beside its model",
        VERBS + "adapters:add",
        (
            MODEL,
            Argument(("name",), "its name; it is then asked for as MODEL:NAME"),
            Argument(("file",), "its GGUF file, which lies below the models folder"),
            option(
                "--scale", help="how strongly it is applied", metavar="S", parse=float, default=1.0
            ),
            HOST,
            JSON,
        ),
        details="It works at once, also if the model is loaded. An adapter that is made for another"
        " model is refused.",
    ),
    Command(
        "adapters remove",
        _GROUP,
        "take an adapter off; its file stays",
        VERBS + "adapters:remove",
        (Argument(("adapter",), "MODEL:NAME, as `adapters list` shows it"), HOST, JSON),
    ),
)
