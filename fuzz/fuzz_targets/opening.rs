//! See `targets::opening`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::opening(data));
