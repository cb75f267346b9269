// The workloads of channel.c and tickets.c, for each kind of channel that threads of Rust have.
use crate::channel::{open, Rx, Tx};
use crate::measure::{number, report, resident_bytes, resident_bytes_at_last};
use crate::tickets::{answer, Reply, Request, Status};
use std::env::args;
use std::process::exit;
use std::sync::{Arc, Barrier};
use std::thread::spawn;
use std::time::Instant;

// A message of SIZE bytes: WORDS words of eight.
fn sending<const WORDS: usize>(messages: usize, threads: usize, capacity: usize) {
    let (tx, rx) = open::<[u64; WORDS]>(capacity);
    let start = Arc::new(Barrier::new(threads + 1));
    let mut handles = Vec::new();
    for _ in 0..threads {
        let (tx, start) = (tx.clone(), start.clone());
        handles.push(spawn(move || {
            let mut message = [0; WORDS];
            start.wait();
            for i in 0..messages / threads {
                message[0] = i as u64;
                tx.send(message).unwrap();
            }
        }));
    }
    drop(tx);
    start.wait();
    let began = Instant::now();
    let (mut received, mut sum) = (0, 0);
    while let Ok(message) = rx.recv() {
        received += 1;
        sum += message[0];
    }
    report(began, received, 0);
    let each = (messages / threads) as u64;
    assert_eq!(sum, threads as u64 * (each * (each - 1) / 2));
    for handle in handles {
        handle.join().unwrap();
    }
}

fn pingpong(messages: usize) {
    let (there, requests) = open::<u64>(0);
    let (replies, back) = open::<u64>(0);
    let echo = spawn(move || {
        while let Ok(message) = requests.recv() {
            replies.send(message).unwrap();
        }
    });
    let began = Instant::now();
    for i in 0..messages as u64 {
        there.send(i).unwrap();
        assert_eq!(back.recv().unwrap(), i);
    }
    report(began, messages, 0);
    drop(there);
    echo.join().unwrap();
}

fn requests<const WORDS: usize>(messages: usize, clients: usize) {
    let (tx, rx) = open::<[u64; WORDS]>(0);
    let start = Arc::new(Barrier::new(clients + 1));
    let (mut replies, mut handles) = (Vec::new(), Vec::new());
    for number in 0..clients as u64 {
        let (tx, start) = (tx.clone(), start.clone());
        let (reply, answers) = open::<[u64; WORDS]>(0);
        replies.push(reply);
        handles.push(spawn(move || {
            start.wait();
            for i in 0..(messages / clients) as u64 {
                let mut message = [0; WORDS];
                message[0] = number;
                message[1] = i;
                tx.send(message).unwrap();
                assert_eq!(answers.recv().unwrap()[1], i);
            }
        }));
    }
    drop(tx);
    start.wait();
    let began = Instant::now();
    let mut answered = 0;
    while let Ok(message) = rx.recv() {
        answered += 1;
        let _ = replies[message[0] as usize].send(message);
    }
    report(began, answered, 0);
    for handle in handles {
        handle.join().unwrap();
    }
}

// All are sent before the first is received.
fn queued<const WORDS: usize>(messages: usize, emptied: bool) {
    let (tx, rx) = open(0);
    let before = resident_bytes();
    let began = Instant::now();
    for _ in 0..messages {
        tx.send([0u64; WORDS]).unwrap();
    }
    if emptied {
        for _ in 0..messages {
            rx.recv().unwrap();
        }
    }
    report(began, messages, resident_bytes_at_last().saturating_sub(before));
    exit(0);
}

fn at_rest(channels: usize, capacity: usize) {
    let mut kept = Vec::with_capacity(channels);
    let before = resident_bytes();
    let began = Instant::now();
    for _ in 0..channels {
        kept.push(open::<u64>(capacity));
    }
    report(began, channels, resident_bytes() - before);
    drop(kept); // they were there until now: else the compiler may leave them out
}

// One thread owns the tickets.
fn serve(rx: Rx<Request>, replies: Vec<Tx<Reply>>) {
    let mut tickets = Vec::new();
    while let Ok(request) = rx.recv() {
        let (to, reply) = answer(&mut tickets, request);
        let _ = replies[to].send(reply);
    }
}

fn tickets(requests: usize, clients: usize, capacity: usize) {
    let (tx, rx) = open(capacity);
    let start = Arc::new(Barrier::new(clients + 1));
    let (mut replies, mut handles) = (Vec::new(), Vec::new());
    let each = requests / clients / 2 * 2;
    for me in 0..clients {
        let (tx, start) = (tx.clone(), start.clone());
        let (reply, answers) = open(0);
        replies.push(reply);
        handles.push(spawn(move || {
            tx.send(Request::Add([b't'; 51], [b'd'; 501], me)).unwrap();
            let id = match answers.recv().unwrap() {
                Reply::Id(id) => id,
                _ => panic!(),
            };
            start.wait();
            for i in (0..each).step_by(2) {
                let status = if i % 4 == 0 { Status::InProgress } else { Status::Done };
                tx.send(Request::SetStatus(id, status, me)).unwrap();
                assert!(matches!(answers.recv().unwrap(), Reply::Done));
                tx.send(Request::Get(id, me)).unwrap();
                let ticket = match answers.recv().unwrap() {
                    Reply::Ticket(ticket) => ticket,
                    _ => panic!(),
                };
                assert!(ticket.status == status && ticket.title[0] == b't');
                assert_eq!(ticket.description[0], b'd');
            }
        }));
    }
    drop(tx);
    let server = spawn(move || serve(rx, replies));
    start.wait();
    let began = Instant::now();
    for handle in handles {
        handle.join().unwrap();
    }
    report(began, each * clients, 0);
    server.join().unwrap();
}

pub fn main() {
    let (messages, threads, size, capacity) =
        (number(2, 1000), number(3, 1), number(4, 8), number(5, 0));
    match (args().nth(1).unwrap().as_str(), size) {
        ("unbounded" | "bounded", 8) => sending::<1>(messages, threads, capacity),
        ("unbounded" | "bounded", 64) => sending::<8>(messages, threads, capacity),
        ("unbounded" | "bounded", 512) => sending::<64>(messages, threads, capacity),
        ("unbounded" | "bounded", 4096) => sending::<512>(messages, threads, capacity),
        ("unbounded" | "bounded", 32768) => sending::<4096>(messages, threads, capacity),
        ("unbounded" | "bounded", 65536) => sending::<8192>(messages, threads, capacity),
        ("pingpong", _) => pingpong(messages),
        ("requests", 64) => requests::<8>(messages, threads),
        (what @ ("queued" | "emptied"), 8) => queued::<1>(messages, what == "emptied"),
        ("at_rest", 8) => at_rest(messages, capacity),
        ("tickets", _) => tickets(messages, threads, size),
        _ => exit(2),
    }
}
