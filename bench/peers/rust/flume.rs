// flume's channels.
mod measure;
mod tickets;
mod workloads;

mod channel {
    pub use flume::{Receiver as Rx, Sender as Tx};

    pub fn open<T>(capacity: usize) -> (Tx<T>, Rx<T>) {
        if capacity == 0 {
            flume::unbounded()
        } else {
            flume::bounded(capacity)
        }
    }
}

fn main() {
    workloads::main()
}
