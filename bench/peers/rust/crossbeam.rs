// crossbeam-channel's channels.
mod measure;
mod tickets;
mod workloads;

mod channel {
    pub use crossbeam_channel::{Receiver as Rx, Sender as Tx};

    pub fn open<T>(capacity: usize) -> (Tx<T>, Rx<T>) {
        if capacity == 0 {
            crossbeam_channel::unbounded()
        } else {
            crossbeam_channel::bounded(capacity)
        }
    }
}

fn main() {
    workloads::main()
}
