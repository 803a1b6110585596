//! The disk under the server: what holds when its calls fail (plan.rs, start.rs), when the power goes (power.rs), and what is left on it
//! (device.rs). A library of ours stands between the server and libc (shim.rs, shim.c), so this is for Linux with glibc and a C
//! compiler, which building SQLite needs anyway.

mod check;
mod device;
mod ended;
mod full;
mod image;
mod plan;
mod power;
mod secrets;
mod shim;
mod start;
