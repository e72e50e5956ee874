#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    stadion_fuzz::run("network_arguments", data);
});
