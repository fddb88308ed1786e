"""The verb completion: scripts for three shells, made from the table of commands.

Model ids are asked of the daemon when Tab is pressed, with `list --ids`.
"""

from collections.abc import Callable

from velocity_local.cli.call import Call
from velocity_local.cli.command import Argument, Command
from velocity_local.cli.commands import COMMANDS, QUIET, families
from velocity_local.cli.exits import Exit
from velocity_local.cli.parser import PROGRAM
from velocity_local.config import keys

_BASH = """\
_velocity_local() {{
    local cur=${{COMP_WORDS[COMP_CWORD]}} path="" word words=""
    for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
        case $word in -*) ;; *) path="${{path:+$path }}$word" ;; esac
    done
    case $path in
{cases}
    esac
    COMPREPLY=($(compgen -W "$words" -- "$cur"))
}}
complete -F _velocity_local {program}
"""
_ZSH = """\
#compdef {program}
autoload -U +X bashcompinit && bashcompinit
{bash}"""


def completion(call: Call) -> int:
    """Print the script for one shell."""
    call.out.line(_SHELLS[call.args.shell]().rstrip("\n"))
    return Exit.OK


def bash() -> str:
    cases = [_case("", " ".join(_first_words()))]
    for first, family in families().items():
        seconds = [command.name.partition(" ")[2] for command in family]
        if any(seconds):
            cases.append(_case(first, " ".join(seconds)))
        for command in family:
            words = " ".join(_words(command))
            cases += [_case(f"{name}*", words) for name in (command.name, *command.aliases)]
    return _BASH.format(cases="\n".join(cases), program=PROGRAM)


def zsh() -> str:
    return _ZSH.format(bash=bash(), program=PROGRAM)


def fish() -> str:
    lines = [f"complete -c {PROGRAM} -f"]
    for first, family in families().items():
        summary = family[0].summary if len(family) == 1 else f"{first} commands"
        lines += [
            _fish("__fish_use_subcommand", f"-a {name} -d '{_quoted(summary)}'")
            for name in (first, *family[0].aliases)
        ]
        for command in family:
            lines += _fish_command(command)
    return "\n".join(lines) + "\n"


def _fish_command(command: Command) -> list[str]:
    first, _, second = command.name.partition(" ")
    names = " ".join((first, *command.aliases))
    seen = f"__fish_seen_subcommand_from {names}"
    lines = []
    if second:
        lines.append(_fish(seen, f"-a {second} -d '{_quoted(command.summary)}'"))
        seen = f"{seen}; and __fish_seen_subcommand_from {second}"
    for argument in (*command.arguments, QUIET):
        if argument.is_option:
            flags = " ".join(
                f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}"
                for name in argument.names
            )
            more = "" if argument.is_switch else f" -r -a '{' '.join(_values(argument))}'"
            lines.append(_fish(seen, f"{flags} -d '{_quoted(argument.help)}'{more}"))
        elif _values(argument):
            lines.append(_fish(seen, f"-a '{' '.join(_values(argument))}'"))
    return lines


def _fish(condition: str, rest: str) -> str:
    return f"complete -c {PROGRAM} -n '{condition}' {rest}"


def _case(pattern: str, words: str) -> str:
    quoted = f'"{pattern[:-1]}"*' if pattern.endswith("*") else f'"{pattern}"'
    return f'        {quoted}) words="{words}" ;;'


def _first_words() -> list[str]:
    aliases = [alias for command in COMMANDS for alias in command.aliases]
    return [*families(), *aliases]


def _words(command: Command) -> list[str]:
    found = ["--help", *QUIET.names]
    for argument in command.arguments:
        found += argument.names if argument.is_option else ()
        found += _values(argument)
    return found


def _values(argument: Argument) -> list[str]:
    if argument.completes == "settings":
        return list(keys.TYPES)
    if argument.completes == "models":
        return [f"$({PROGRAM} list --ids 2>/dev/null)"]
    return list(argument.choices)


def _quoted(text: str) -> str:
    return text.replace("'", "\\'")


_SHELLS: dict[str, Callable[[], str]] = {"bash": bash, "zsh": zsh, "fish": fish}
