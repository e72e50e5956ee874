#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    stadion_fuzz::run("socket_message", data);
});
