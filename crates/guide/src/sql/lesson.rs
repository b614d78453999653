//! The table of lessons that people went through.

use storeward_base::{CustomerId, Timestamp};
use storeward_store::{Error, Reader, Row, Tx, params, statements};

use crate::model::Lesson;

statements! {
    FINISH = "INSERT INTO guide_lesson (customer, lesson, finished_at, right_answers, questions) \
              VALUES ($1, $2, $3, $4, $5) ON CONFLICT (customer, lesson) DO UPDATE SET \
              finished_at = excluded.finished_at, right_answers = excluded.right_answers, questions = excluded.questions";
    DELETE = "DELETE FROM guide_lesson WHERE customer = $1";
    OF_CUSTOMER = "SELECT lesson, finished_at, right_answers, questions FROM guide_lesson WHERE customer = $1 LIMIT 20";
}

#[derive(Clone, Copy, Debug)]
pub struct Finished {
    pub lesson: Lesson,
    pub at: Timestamp,
    pub right: u32,
    pub questions: u32,
}

impl Finished {
    /// Three quarters right, that is four of five: less shows that it was tried, not that it was learnt.
    pub const fn is_learnt(&self) -> bool {
        self.right >= Self::least(self.questions)
    }

    /// So many right answers are needed.
    pub const fn least(questions: u32) -> u32 {
        (questions * 3).div_ceil(4)
    }
}

fn finished(row: &Row<'_>) -> Result<Finished, Error> {
    Ok(Finished { lesson: row.get(0)?, at: row.get(1)?, right: row.get(2)?, questions: row.get(3)? })
}

pub fn finish(tx: &mut Tx<'_>, customer: CustomerId, done: &Finished) -> Result<(), Error> {
    let values = params![customer, done.lesson, done.at, done.right, done.questions];
    tx.execute(FINISH, values).map(drop)
}

pub fn of_customer(reader: &mut Reader<'_>, customer: CustomerId) -> Result<Vec<Finished>, Error> {
    reader.query_many(OF_CUSTOMER, params![customer], finished)
}

/// The account is closed.
pub fn forget_customer(tx: &mut Tx<'_>, customer: CustomerId) -> Result<(), Error> {
    tx.execute(DELETE, params![customer]).map(drop)
}
