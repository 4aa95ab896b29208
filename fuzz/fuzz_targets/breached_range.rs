#![no_main]

#[path = "../checks/breached_range.rs"]
mod breached_range;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(text) = str::from_utf8(bytes) {
        breached_range::check(text);
    }
});
