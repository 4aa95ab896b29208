#![no_main]

#[path = "../checks/stored_hash.rs"]
mod stored_hash;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(text) = str::from_utf8(bytes) {
        stored_hash::check(text);
    }
});
