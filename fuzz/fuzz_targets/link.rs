//! See `targets::link`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::link(data));
