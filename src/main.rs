//! The `ots` binary: runs the command line and turns its result into an exit code.

use std::alloc::System;

use zeroizing_alloc::ZeroAlloc;

/// What is freed is wiped first: hyper, TLS and the standard library free buffers that a content, a passphrase or a link has passed through,
/// and wipe none of them.
#[global_allocator]
static MEMORY: ZeroAlloc<System> = ZeroAlloc(System);

fn main() -> std::process::ExitCode {
    ots::cli::main()
}
