"""A seccomp filter for Linux: this process and its children may open no IP sockets.

It needs no privileges and cannot be taken off again. https://docs.kernel.org/userspace-api/seccomp_filter.html
"""

import ctypes
import errno
import platform
from typing import NamedTuple

_PR_SET_NO_NEW_PRIVS = 38
_PR_SET_SECCOMP = 22
_MODE_FILTER = 2
_ALLOW = 0x7FFF0000
_REFUSE = 0x00050000 | errno.EACCES

# Classic BPF: load a word of seccomp_data, jump if equal / greater or equal, return.
_LOAD, _JUMP_EQ, _JUMP_GE, _RETURN = 0x20, 0x15, 0x35, 0x06
_AT_NUMBER, _AT_ARCH, _AT_FIRST_ARGUMENT = 0, 4, 16
_AF_INET, _AF_INET6, _AF_PACKET = 2, 10, 17
_IO_URING_SETUP = 425  # could open sockets past the filter
_X32_BIT = 0x40000000  # a second numbering of the same calls


class _Machine(NamedTuple):
    audit_arch: int
    socket_call: int


_MACHINES = {"x86_64": _Machine(0xC000003E, 41), "aarch64": _Machine(0xC00000B7, 198)}


class _Instruction(ctypes.Structure):
    _fields_ = (
        ("code", ctypes.c_uint16),
        ("if_true", ctypes.c_uint8),
        ("if_false", ctypes.c_uint8),
        ("value", ctypes.c_uint32),
    )


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.POINTER(_Instruction)))


def refuse_ip_sockets() -> bool:
    """Install the filter; False if this kernel or machine does not take it."""
    machine = _MACHINES.get(platform.machine())
    if machine is None:
        return False
    code = _filter(machine)
    program = _Program(len(code), (_Instruction * len(code))(*code))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        return False
    return bool(libc.prctl(_PR_SET_SECCOMP, _MODE_FILTER, ctypes.byref(program), 0, 0) == 0)


def _filter(machine: _Machine) -> list[_Instruction]:
    """Jumps count the instructions they skip; the last two are the verdicts."""
    return [
        _Instruction(_LOAD, 0, 0, _AT_ARCH),
        _Instruction(_JUMP_EQ, 0, 9, machine.audit_arch),
        _Instruction(_LOAD, 0, 0, _AT_NUMBER),
        _Instruction(_JUMP_GE, 7, 0, _X32_BIT),
        _Instruction(_JUMP_EQ, 6, 0, _IO_URING_SETUP),
        _Instruction(_JUMP_EQ, 0, 4, machine.socket_call),
        _Instruction(_LOAD, 0, 0, _AT_FIRST_ARGUMENT),
        _Instruction(_JUMP_EQ, 3, 0, _AF_INET),
        _Instruction(_JUMP_EQ, 2, 0, _AF_INET6),
        _Instruction(_JUMP_EQ, 1, 0, _AF_PACKET),
        _Instruction(_RETURN, 0, 0, _ALLOW),
        _Instruction(_RETURN, 0, 0, _REFUSE),
    ]
