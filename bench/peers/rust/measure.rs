// What the programs of Rust share: their arguments, and what they print.
use std::env::args;
use std::fs::read_to_string;
use std::time::Instant;

pub fn number(i: usize, otherwise: usize) -> usize {
    args().nth(i).map_or(otherwise, |arg| arg.parse().unwrap())
}

pub fn report(began: Instant, messages: usize, bytes: usize) {
    println!("{:.9} {} {}", began.elapsed().as_secs_f64(), messages, bytes);
}

pub fn resident_bytes() -> usize {
    let rollup = read_to_string("/proc/self/smaps_rollup").unwrap();
    let after = rollup.split("Anonymous:").nth(1).unwrap();
    after.split_whitespace().next().unwrap().parse::<usize>().unwrap() * 1024
}

#[cfg(target_env = "gnu")]
extern "C" {
    fn malloc_trim(kept: usize) -> i32;
}

// When what the allocator holds back, and nobody uses, is with the system again.
pub fn resident_bytes_at_last() -> usize {
    #[cfg(target_env = "gnu")]
    unsafe {
        malloc_trim(0)
    };
    resident_bytes()
}
