"""What contains a program, asked of the Linux kernel through ctypes: namespaces, mounts, limits, a seccomp filter.

`enter`, `build_root` and `private_tmp` make the place, `drop` takes every right away from the
process that calls it. Each of them raises OSError with the name of the call that the kernel
refused; none of them goes on without it. Needs Linux 5.12 on x86_64 or aarch64, and either
root or unprivileged user namespaces.

The sandbox's own process imports this module, and its start is paid for by each run: it
imports nothing that is slow to load.
"""

# pathlib is slow to load; /tmp is the sandbox's own
# ruff: noqa: PTH102, PTH103, PTH106, PTH110, PTH112, PTH114, PTH115, PTH119, PTH120, PTH123, PTH208, PTH211, S108

import ctypes
import errno
import os
import resource
import struct
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

LIBC = ctypes.CDLL(None, use_errno=True)

NEW_MOUNTS, NEW_UTS, NEW_IPC, NEW_USERS, NEW_PIDS, NEW_NET = 0x20000, 0x4000000, 0x8000000, 0x10000000, 1 << 29, 1 << 30
ANY_NEW = NEW_MOUNTS | NEW_UTS | NEW_IPC | NEW_USERS | NEW_PIDS | NEW_NET | 0x2000000  # the last is cgroups
NOSUID, NODEV, NOEXEC, BIND, RECURSIVE, PRIVATE = 0x2, 0x4, 0x8, 0x1000, 0x4000, 0x40000
DETACH = 2
SET_DEATH_SIGNAL, SET_DUMPABLE, SET_SECCOMP, DROP_BOUNDING, SET_NO_NEW_PRIVS = 1, 4, 22, 24, 38
LAST_CAPABILITY = 63
SIGKILL = 9

OUTSIDE_UIDS = 1_000_000_000
"""Programs started by root run under this uid plus the process id: no other process has it, so limits on
processes, which count by uid, are their own."""
INSIDE_UID = 1000

NUMBERS = {
    "x86_64": {
        "arch": 0xC000003E, "socket": 41, "clone": 56, "ptrace": 101, "pivot_root": 155, "chroot": 161, "mount": 165,
        "umount2": 166, "add_key": 248, "request_key": 249, "keyctl": 250, "unshare": 272, "perf_event_open": 298,
        "open_by_handle_at": 304, "setns": 308, "process_vm_readv": 310, "process_vm_writev": 311, "bpf": 321,
        "userfaultfd": 323,
    },
    "aarch64": {
        "arch": 0xC00000B7, "socket": 198, "clone": 220, "ptrace": 117, "pivot_root": 41, "chroot": 51, "mount": 40,
        "umount2": 39, "add_key": 217, "request_key": 218, "keyctl": 219, "unshare": 97, "perf_event_open": 241,
        "open_by_handle_at": 265, "setns": 268, "process_vm_readv": 270, "process_vm_writev": 271, "bpf": 280,
        "userfaultfd": 282,
    },
}  # fmt: skip
NEWER_NUMBERS = {
    "io_uring_setup": 425, "io_uring_enter": 426, "io_uring_register": 427, "open_tree": 428, "move_mount": 429,
    "fsopen": 430, "fsconfig": 431, "fsmount": 432, "pidfd_getfd": 438, "mount_setattr": 442,
}  # fmt: skip
"""System calls that have one number on both."""
CLONE3 = 435


def call(name: str, *arguments: object) -> int:
    """Call a function of the C library and raise OSError where it fails."""
    result: int = getattr(LIBC, name)(*arguments)
    if result == -1:
        code = ctypes.get_errno()
        shown = ", ".join(str(argument) for argument in arguments if isinstance(argument, (int, bytes)))
        raise OSError(code, f"{name}({shown}): {os.strerror(code)}")
    return result


def system_calls() -> dict[str, int]:
    """Numbers of this machine's system calls, and of its architecture."""
    machine = os.uname().machine
    if machine not in NUMBERS:
        raise OSError(f"no system call numbers for {machine} (there are: {', '.join(NUMBERS)})")
    return NUMBERS[machine]


def mount(source: str, target: str, kind: str = "", *, flags: int = 0, data: str = "") -> None:
    """Mount a filesystem or bind a folder."""
    call("mount", source.encode(), target.encode(), kind.encode(), ctypes.c_ulong(flags), data.encode())


def die_with_parent() -> None:
    """Have the kernel kill this process when its parent dies; a change of rights undoes it."""
    call("prctl", SET_DEATH_SIGNAL, ctypes.c_ulong(SIGKILL), 0, 0, 0)


def hide_memory() -> None:
    """Keep processes of the same user from reading or steering this one."""
    call("prctl", SET_DUMPABLE, ctypes.c_ulong(0), 0, 0, 0)


def enter() -> int | None:
    """Move this process into namespaces of its own: mounts, process ids (for its children), network, IPC, host name.

    Root keeps its user namespace, as only then can it bind folders which others may not enter;
    everyone else, and a root without rights, gets a user namespace.

    Returns:
        The uid that a program has to change to, or None where it already has nothing but its
        user namespace.
    """
    own = NEW_MOUNTS | NEW_UTS | NEW_IPC | NEW_PIDS | NEW_NET
    with open("/proc/self/oom_score_adj", "w") as file:
        file.write("1000")  # where memory runs out, the sandbox is to go first
    with open("/proc/self/uid_map") as file:
        sees_all_uids = file.read().split() == ["0", "0", "4294967295"]
    uid, gid = os.geteuid(), os.getegid()
    if uid == 0 and sees_all_uids and LIBC.unshare(own) == 0:
        return OUTSIDE_UIDS + os.getpid()
    call("unshare", own | NEW_USERS)
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"{INSIDE_UID} {uid} 1"),
        ("gid_map", f"{INSIDE_UID} {gid} 1"),
    ):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)
    return None


def visible_paths() -> list[str]:
    """What a program may read of the machine: the interpreter's library and the shared libraries."""
    libraries = [f"{sys.base_prefix}/lib", f"{sys.base_prefix}/{sys.platlibdir}"]
    paths = ["/lib", "/lib64", "/usr/lib", "/usr/lib64", "/etc/ld.so.cache", *libraries]
    return [path for path in dict.fromkeys(paths) if os.path.exists(path)]


def build_root() -> None:
    """Put this process, and all others in its mount namespace, into a read-only root with little in it."""
    sources = {path: os.path.realpath(path) for path in visible_paths()}
    links = {path: os.readlink(path) for path in sources if os.path.islink(path)}
    mount("none", "/", flags=RECURSIVE | PRIVATE)
    mount("tmpfs", "/tmp", "tmpfs", flags=NOSUID | NODEV, data="size=1m,mode=755")
    os.mkdir("/tmp/old")
    call("syscall", system_calls()["pivot_root"], b"/tmp", b"/tmp/old")
    os.chdir("/")
    for path, link in links.items():
        os.symlink(link, path)
    for path, source in sources.items():
        if path not in links:
            _bind(f"/old{source}", path)
    for name in ("null", "zero", "random", "urandom"):
        _bind(f"/old/dev/{name}", f"/dev/{name}")
    os.symlink("/tmp", "/dev/shm")
    os.symlink("/tmp/.stdin", "/dev/stdin")
    os.mkdir("/tmp")
    for packages in _package_folders(sources.values()):
        mount("tmpfs", packages, "tmpfs", data="size=4k,mode=755")
    call("umount2", b"/old", DETACH)
    os.rmdir("/old")
    _make_read_only("/")
    call("sethostname", b"sandbox", 7)


def _package_folders(libraries: "Iterable[str]") -> set[str]:
    """Folders of installed packages, which may be ours: a project's data can lie among them."""
    entries = [f"{path}/{name}" for path in libraries if os.path.isdir(path) for name in os.listdir(path)]
    pythons = [path for path in entries if os.path.basename(path).startswith("python3")]
    folders = {f"{python}/{kind}-packages" for python in pythons for kind in ("site", "dist")}
    return {folder for folder in folders if os.path.isdir(folder)}


def _bind(source: str, target: str) -> None:
    if os.path.isdir(source):
        os.makedirs(target, exist_ok=True)
    elif not os.path.exists(target):
        os.makedirs(os.path.dirname(target), exist_ok=True)
        os.close(os.open(target, os.O_CREAT, 0o644))
    mount(source, target, flags=BIND | RECURSIVE)


def _make_read_only(path: str) -> None:
    read_only_nosuid = struct.pack("4Q", 0x1 | 0x2, 0, 0, 0)
    at_cwd, at_recursive = -100, 0x8000
    size = ctypes.c_size_t(len(read_only_nosuid))
    call("syscall", NEWER_NUMBERS["mount_setattr"], at_cwd, path.encode(), at_recursive, read_only_nosuid, size)


def private_tmp(size: int) -> None:
    """Give this process an empty /tmp of its own, of at most `size` bytes, and go there."""
    call("unshare", NEW_MOUNTS)
    mount("tmpfs", "/tmp", "tmpfs", flags=NOSUID | NODEV | NOEXEC, data=f"size={size},nr_inodes=4096,mode=1777")
    os.chdir("/tmp")


def close_others(*kept: int) -> None:
    """Close every descriptor beyond stdin, stdout and stderr, except those given."""
    last = 2
    for descriptor in sorted(kept):
        os.closerange(last + 1, descriptor)
        last = descriptor
    os.closerange(last + 1, 1 << 20)


def drop(uid: int | None, limits: dict[str, int]) -> None:
    """Take every right away from this process, for good: limits, uid, capabilities, the seccomp filter.

    Args:
        uid: The uid to change to, as `enter` returned it.
        limits: Values by resource: `CPU`, `AS`, `NPROC`, `FSIZE`, `NOFILE`, `CORE`.
    """
    for name, value in limits.items():
        grace = 1 if name == "CPU" else 0  # at the first limit SIGXCPU, which tells the reason; at the second SIGKILL
        resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (value, value + grace))
    _drop_bounding_set()
    if uid is not None:
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
    version_3 = struct.pack("Ii", 0x20080522, 0)
    call("capset", version_3, bytes(24))
    call("prctl", SET_NO_NEW_PRIVS, ctypes.c_ulong(1), 0, 0, 0)
    _filter_system_calls()


def _drop_bounding_set() -> None:
    for capability in range(LAST_CAPABILITY + 1):
        try:
            call("prctl", DROP_BOUNDING, ctypes.c_ulong(capability), 0, 0, 0)
        except OSError as error:
            if error.errno == errno.EINVAL:
                return  # this kernel knows no more
            raise


def _filter_system_calls() -> None:
    """Refuse what reaches past the namespaces: other networks (AF_VSOCK), new namespaces, tracing, keys, io_uring."""
    numbers = system_calls()
    allow, kill, refused, unknown = 0x7FFF0000, 0x80000000, 0x50001, 0x50026
    load, equal, at_least, any_bit, give = 0x20, 0x15, 0x35, 0x45, 0x06
    number_at, arch_at, argument_at = 0, 4, 16
    code = [(load, 0, 0, arch_at), (equal, 1, 0, numbers["arch"]), (give, 0, 0, kill), (load, 0, 0, number_at)]
    code += [(at_least, 0, 1, 0x40000000), (give, 0, 0, unknown), (equal, 0, 1, CLONE3), (give, 0, 0, unknown)]
    for name, number in (numbers | NEWER_NUMBERS).items():
        if name not in ("arch", "socket", "clone"):
            code += [(equal, 0, 1, number), (give, 0, 0, refused)]
    code += [(equal, 0, 3, numbers["socket"]), (load, 0, 0, argument_at), (equal, 4, 0, 1), (give, 0, 0, refused)]
    code += [(equal, 0, 2, numbers["clone"]), (load, 0, 0, argument_at), (any_bit, 1, 0, ANY_NEW)]
    code += [(give, 0, 0, allow), (give, 0, 0, refused)]
    packed = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in code))
    program = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(code), ctypes.addressof(packed)))
    mode_filter = ctypes.c_ulong(2)
    call("prctl", SET_SECCOMP, mode_filter, ctypes.byref(program), 0, 0)
