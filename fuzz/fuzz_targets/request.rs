//! See `targets::request`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::request(data));
