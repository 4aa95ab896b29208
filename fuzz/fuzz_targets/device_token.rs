#![no_main]

#[path = "../checks/device_token.rs"]
mod device_token;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(text) = str::from_utf8(bytes) {
        device_token::check(text);
    }
});
