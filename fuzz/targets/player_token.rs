#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    stadion_fuzz::run("player_token", data);
});
