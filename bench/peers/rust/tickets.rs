// The ticket server of exercise 08: what is asked of it, and what it answers.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Status {
    Todo,
    InProgress,
    Done,
}

#[derive(Clone)]
pub struct Ticket {
    pub title: [u8; 51],
    pub description: [u8; 501],
    pub status: Status,
}

pub enum Request {
    Add([u8; 51], [u8; 501], usize),
    SetStatus(u64, Status, usize),
    Get(u64, usize),
}

pub enum Reply {
    Id(u64),
    Done,
    Ticket(Ticket),
    NotFound,
}

// Whom to answer, and what.
pub fn answer(tickets: &mut Vec<Ticket>, request: Request) -> (usize, Reply) {
    match request {
        Request::Add(title, description, to) => {
            tickets.push(Ticket { title, description, status: Status::Todo });
            (to, Reply::Id(tickets.len() as u64))
        }
        Request::SetStatus(id, status, to) => match tickets.get_mut(id as usize - 1) {
            Some(ticket) => {
                ticket.status = status;
                (to, Reply::Done)
            }
            None => (to, Reply::NotFound),
        },
        Request::Get(id, to) => match tickets.get(id as usize - 1) {
            Some(ticket) => (to, Reply::Ticket(ticket.clone())),
            None => (to, Reply::NotFound),
        },
    }
}
