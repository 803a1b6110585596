//! The `ots` binary: runs the command line and turns its result into an exit code.

fn main() -> std::process::ExitCode {
    ots::cli::main()
}
