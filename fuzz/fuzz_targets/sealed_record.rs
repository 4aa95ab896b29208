#![no_main]

#[path = "../checks/sealed_record.rs"]
mod sealed_record;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(text) = str::from_utf8(bytes) {
        sealed_record::check(text);
    }
});
