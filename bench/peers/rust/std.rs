// Rust's std::sync::mpsc.
mod measure;
mod tickets;
mod workloads;

mod channel {
    pub use std::sync::mpsc::Receiver as Rx;
    use std::sync::mpsc::{channel, sync_channel, SendError, Sender, SyncSender};

    pub enum Tx<T> {
        Unbounded(Sender<T>),
        Bounded(SyncSender<T>),
    }

    impl<T> Clone for Tx<T> {
        fn clone(&self) -> Self {
            match self {
                Tx::Unbounded(tx) => Tx::Unbounded(tx.clone()),
                Tx::Bounded(tx) => Tx::Bounded(tx.clone()),
            }
        }
    }

    impl<T> Tx<T> {
        #[inline]
        pub fn send(&self, message: T) -> Result<(), SendError<T>> {
            match self {
                Tx::Unbounded(tx) => tx.send(message),
                Tx::Bounded(tx) => tx.send(message),
            }
        }
    }

    pub fn open<T>(capacity: usize) -> (Tx<T>, Rx<T>) {
        if capacity == 0 {
            let (tx, rx) = channel();
            (Tx::Unbounded(tx), rx)
        } else {
            let (tx, rx) = sync_channel(capacity);
            (Tx::Bounded(tx), rx)
        }
    }
}

fn main() {
    workloads::main()
}
